-- Asks Gatepost's gate about a request. haproxy.cfg loads it.

local GATE = "http://127.0.0.1:8080/gate?redirect=1"

-- What the gate needs to know beside what was asked.
local PASSED_ON = { "cookie", "accept", "accept-language", "sec-fetch-mode", "user-agent" }

-- What it says of whoever asks.
local SAID = { "remote-user", "remote-groups", "remote-email", "remote-name" }

-- The cookies of a field, without those of Gatepost.
local function without_ours(field)
    local kept = {}
    for pair in field:gmatch("[^;]+") do
        local name = pair:match("^%s*([^=]*)")
        if not name:match("^__Host%-gatepost") then
            kept[#kept + 1] = pair:match("^%s*(.*)$")
        end
    end
    return table.concat(kept, "; ")
end

local function copied(values)
    local list = {}
    for index = 0, #values do
        list[#list + 1] = values[index]
    end
    return list
end

core.register_action("gate", { "http-req" }, function(txn)
    local asked = txn.http:req_get_headers()
    local fields = {
        ["x-forwarded-method"] = { txn.sf:method() },
        ["x-forwarded-proto"] = copied(asked["x-forwarded-proto"]),
        ["x-forwarded-host"] = copied(asked["x-forwarded-host"]),
        ["x-forwarded-uri"] = { txn.sf:pathq() },
        ["x-forwarded-for"] = copied(asked["x-forwarded-for"]),
    }
    for _, name in ipairs(PASSED_ON) do
        if asked[name] then
            fields[name] = copied(asked[name])
        end
    end

    local answer = core.httpclient():get { url = GATE, headers = fields, timeout = 5000 }

    if answer.status == 200 then
        for _, name in ipairs(SAID) do
            if answer.headers[name] then
                txn.http:req_set_header(name, answer.headers[name][0])
            end
        end
        if asked["cookie"] then
            local cookies = without_ours(table.concat(copied(asked["cookie"]), "; "))
            if cookies == "" then
                txn.http:req_del_header("cookie")
            else
                txn.http:req_set_header("cookie", cookies)
            end
        end
        txn:set_var("txn.let_through", true)
        return
    end

    -- Not let through: the answer of the gate is the answer.
    local reply = txn:reply { status = answer.status > 0 and answer.status or 503 }
    for name, values in pairs(answer.headers or {}) do
        if name ~= "content-length" and name ~= "connection" and name ~= "transfer-encoding" then
            for index = 0, #values do
                reply:add_header(name, values[index])
            end
        end
    end
    reply:set_body(answer.body or "")
    txn:done(reply)
end)
