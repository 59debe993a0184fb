//! Requests that two parsers may take for different ones. `POISON` stands for a whole request
//! where one parser sees a body and another one the next request.

/// What a client sends before its next request.
pub(super) struct Case {
    /// In every target of this case, so that a fault names it.
    pub(super) tag: String,
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.tag, self.bytes.escape_ascii())
    }
}

/// Ways to write that the body is chunked, or nearly.
const CODINGS: [&str; 30] = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding:chunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: CHUNKED",
    "tRANSFER-eNCODING: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\n Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding:\n chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: chunked\x0c",
    "Transfer-Encoding: \0chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer_Encoding: chunked",
];

/// Ways to write the length of a body.
const LENGTHS: [&str; 32] = [
    "Content-Length: LEN",
    "Content-Length: LEN\r\nContent-Length: LEN",
    "Content-Length: 0\r\nContent-Length: LEN",
    "Content-Length: LEN\r\nContent-Length: 0",
    "Content-Length: LEN, LEN",
    "Content-Length: 0, LEN",
    "Content-Length: LEN, 0",
    "Content-Length: +LEN",
    "Content-Length: -LEN",
    "Content-Length: 0LEN",
    "Content-Length: 000LEN",
    "Content-Length: 0x0",
    "Content-Length: LEN.0",
    "Content-Length: LENe0",
    "Content-Length: LEN ",
    "Content-Length: LEN\t",
    "Content-Length: LEN x",
    "Content-Length: \x0bLEN",
    "Content-Length:",
    "Content-Length: \"LEN\"",
    "Content-Length : LEN",
    "Content-Length\t: LEN",
    "Content_Length: LEN",
    " Content-Length: LEN",
    "X: y\r\n Content-Length: LEN",
    "X: y\nContent-Length: LEN",
    "X: y\rContent-Length: LEN",
    "X: \0\r\nContent-Length: LEN",
    "Content-Length:\r\n LEN",
    "Content-Length: 0\r\n LEN",
    "Connection: keep-alive, Content-Length\r\nContent-Length: LEN",
    "Content-Length: 18446744073709551616",
];

/// Chunked bodies with something odd in them.
const CHUNKS: [&str; 38] = [
    "0\r\n\r\nPOISON",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\r\n\"\r\nhello\r\n0\r\n\r\nPOISON",
    "5;a\nhello\r\n0\r\n\r\nPOISON",
    "5;\nxx\r\nhello\r\n0\r\n\r\nPOISON",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\t;x\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\nPOISON",
    "-5\r\nhello\r\n0\r\n\r\nPOISON",
    "0x5\r\nhello\r\n0\r\n\r\nPOISON",
    "5h\r\nhello\r\n0\r\n\r\nPOISON",
    "05\r\nhello\r\n0\r\n\r\n",
    "0000000000000000000005\r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\nPOISON",
    "5\r\nhello\n0\r\n\r\nPOISON",
    "5\rhello\r0\r\rPOISON",
    "5\r\nhelloxx0\r\n\r\nPOISON",
    "5\r\nhello0\r\n\r\nPOISON",
    "5\r\nhello\r\n\r\n0\r\n\r\nPOISON",
    "\r\n5\r\nhello\r\n0\r\n\r\nPOISON",
    "\r\n\r\nPOISON",
    ";x\r\n\r\nPOISON",
    "0\r\nX: y\r\n\r\n",
    "0\r\nContent-Length: 50\r\n\r\nPOISON",
    "0\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\nPOISON",
    "0\r\n X: y\r\n\r\nPOISON",
    "0\r\nX : y\r\n\r\nPOISON",
    "0\r\nX\r\n\r\nPOISON",
    "0\r\nPOISON",
    "0\nX: y\n\nPOISON",
    "0\r\n\nPOISON",
    "0\r\n\r",
    "0;x=y\r\n\r\nPOISON",
    "00\r\n\r\nPOISON",
    "10000000000000005\r\nhello\r\n0\r\n\r\nPOISON",
    "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\nPOISON",
];

/// Whole requests. `FIRST` is the target.
const REQUESTS: [&str; 44] = [
    "GET FIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "HEAD FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "HEAD FIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "DELETE FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "OPTIONS FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "TRACE FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "post FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: LEN\r\n\r\nPOISON",
    "GET http://aFIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET http://otherFIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET http://a@otherFIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET http://otherFIRST HTTP/1.0\r\n\r\n",
    "GET //otherFIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nHost: other\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a, other\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a other\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost : other\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\n Host: other\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nConnection: host, keep-alive\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\n\r\r\nPOISON",
    "GET FIRST HTTP/1.1\nHost: a\n\nPOISON",
    "GET FIRST HTTP/1.1\rHost: a\r\rPOISON",
    "GET FIRST HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST\tHTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET  FIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1 \r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/1.2\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST HTTP/01.1\r\nHost: a\r\n\r\nPOISON",
    "GET FIRST\r\n\r\nPOISON",
    "\r\nGET FIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "\r\n\r\n\r\nGET FIRST HTTP/1.1\r\nHost: a\r\n\r\nPOISON",
    "POST FIRST HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nPOISON",
    "POST FIRST HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: LEN\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\nPOISON",
    "POST FIRST HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: LEN\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nPOISON",
    "GET FIRST HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
     HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nPOISON",
    "POST FIRST HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\
     Content-Length: LEN\r\n\r\nPOISON",
    "POST FIRST HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\
     Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOISON",
    "POST FIRST HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: LEN\r\n\
     Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOISON",
    "POST FIRST HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: LEN\r\n\r\nPOISON",
];

/// All cases. The name is part of their tags.
pub(super) fn corpus(name: &str) -> Vec<Case> {
    let mut templates: Vec<String> = REQUESTS.map(str::to_owned).into();
    let mut post = |fields: &str, body: &str| {
        templates.push(format!("POST FIRST HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}"));
    };
    let inside = "HEX\r\nPOISON\r\n0\r\n\r\n";
    for coding in CODINGS {
        // Whoever goes by the length sees one request, whoever goes by the coding two.
        post(&format!("Content-Length: LEN\r\n{coding}"), "0\r\n\r\nPOISON");
        post(&format!("{coding}\r\nContent-Length: LEN"), "0\r\n\r\nPOISON");
        // The other way round: the length ends before the first chunk.
        post(&format!("Content-Length: 4\r\n{coding}"), inside);
        post(&format!("{coding}\r\nContent-Length: 4"), inside);
        post(coding, inside);
    }
    for length in LENGTHS {
        post(length, "POISON");
    }
    for chunks in CHUNKS {
        post("Transfer-Encoding: chunked", chunks);
    }
    let case = |(number, template): (usize, &String)| {
        let tag = format!("{name}-{number}");
        let poison = format!("GET /poison?{tag} HTTP/1.1\r\nHost: a\r\n\r\n");
        let text = template
            .replace("HEX", &format!("{:x}", poison.len()))
            .replace("FIRST", &format!("/first?{tag}"))
            .replace("POISON", &poison);
        let end = text.find("\r\n\r\n").map_or(text.len(), |at| at + 4);
        let bytes = text.replace("LEN", &(text.len() - end).to_string()).into_bytes();
        Case { tag, bytes }
    };
    templates.iter().enumerate().map(case).collect()
}
