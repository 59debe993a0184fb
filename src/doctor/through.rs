//! The gate through the operator's own proxy: whether anything that a client says gets past it.
//!
//! The proxy is asked as a browser and as an attacker would. What reaches the program is seen by taking its
//! place for the time.

mod client;
mod exposure;
mod signing_in;
mod stand_in;
mod texts;
mod visit;

use super::verdict::{Examination, Verdict, examination};
use crate::config::{Config, WebOrigin};
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::gate::{Asked, Ruling, ruling};
use crate::secret::Secret;
use client::{Reply, Target};
use exposure::exposure;
use stand_in::StandIn;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use texts::{
    BROWSER, FORGED, MEND_ASKED, MEND_COOKIE, MEND_FORGED, MEND_REACHED, OTHERWISE, WHY_ASKED,
    WHY_COOKIE, WHY_FORGED, WHY_REACHED,
};
use visit::{Visit, away, marker};

/// What to look at beside the address, and with what.
#[derive(Debug, Default)]
pub struct Through {
    /// Where the proxy is, whatever the name service says.
    pub connect: Option<SocketAddr>,
    /// Where the program behind listens; the doctor takes its place if nothing does.
    pub program: Option<SocketAddr>,
    /// As whom to sign in, without a second factor.
    pub sign_in: Option<(Login, Secret)>,
}

/// Looks at the gate through the proxy that serves this URL of a program behind it.
///
/// A session is begun if there is somebody to sign in, and ended again.
///
/// # Errors
/// [`Error::InvalidRequest`] for a URL that the gate is not for; [`Error::Configuration`] where there are no
/// `gate.rules`; [`Error::Startup`] when the proxy cannot be reached, or nobody can be signed in.
pub fn through_proxy(config: &Config, url: &str, how: &Through) -> Result<Vec<Examination>> {
    let asked = Asked::new("GET", url)?;
    let pages = config.pages.in_use().filter(|_| !config.gate.rules.0.is_empty());
    let pages = pages.ok_or_else(|| {
        let text = "gate.rules: there are none, so the gate lets nobody through".to_owned();
        Error::Configuration(vec![text])
    })?;
    if asked.origin != *pages && !config.gate.origins.contains(&asked.origin) {
        let text = format!("{} is not one of gate.origins", asked.origin);
        return Err(Error::InvalidRequest(text));
    }
    let at = |origin: &WebOrigin| Target::of(origin, how.connect).map_err(|e| away(origin, &e));
    let visit = Visit {
        program: at(&asked.origin)?,
        pages: at(pages)?,
        login: pages,
        is_public: matches!(ruling(&config.gate.rules, &asked), Ruling::Rule(_, rule) if rule.public),
        asked: &asked,
    };
    let (listening, stand_in) = match how.program {
        Some(address) if is_listening(address) => (Some(address), None),
        Some(address) => (None, Some(StandIn::start(address)?)),
        None => (None, None),
    };
    visit.examine(how, listening, stand_in.as_ref())
}

fn is_listening(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

impl Visit<'_> {
    fn examine(
        &self,
        how: &Through,
        listening: Option<SocketAddr>,
        stand_in: Option<&StandIn>,
    ) -> Result<Vec<Examination>> {
        let first = self.ask("first", &BROWSER)?;
        let mut done = vec![
            examination("gate", self.gate(&first, stand_in)),
            examination("question", self.question(&first)?),
            examination("gate-hidden", self.hidden()?),
        ];
        let signed_in = match &how.sign_in {
            Some(_) if self.is_public => None,
            Some((login, password)) => Some(self.sign_in(&first, login, password)?),
            None => None,
        };
        let cookies = signed_in.as_ref().map(|it| it.set.as_slice()).unwrap_or_default();
        done.push(examination("cookies", self.cookies(&first, cookies)));
        let cookie = signed_in.as_ref().map(|it| it.cookie.as_str());
        let identity = self.identity(cookie, stand_in);
        // Whatever came of it, the session ends.
        signed_in.as_ref().map_or(Ok(()), |signed_in| self.sign_out(signed_in))?;
        done.push(examination("identity", identity?));
        done.push(examination("other-ways", self.other_ways(stand_in)?));
        done.push(examination("program", exposure(how.program, listening)));
        Ok(done)
    }

    fn gate(&self, first: &Reply, stand_in: Option<&StandIn>) -> Verdict {
        let status = first.status;
        if self.is_public {
            return Verdict::ok(
                "the rule for this address is public, so nobody is asked to sign in",
            );
        }
        let reached = stand_in.is_some_and(|it| it.seen(&marker("first")).is_some());
        if reached || (200..300).contains(&status) {
            let text = "a request without a cookie gets through to the program";
            return Verdict::fault(text, WHY_REACHED, MEND_REACHED);
        }
        match (status, self.destination(first)) {
            (301..=399, Some(_)) => Verdict::ok("a browser is sent to sign in"),
            (403, _) => Verdict::ok("the rule for this address lets nobody through"),
            _ => Verdict::fault(
                format!("a browser gets {status} instead of the page to sign in on"),
                "nobody can sign in, or people see an error first",
                "ask /gate?redirect=1 (Caddy, Traefik, HAProxy), or lead error_page 401 to Location (nginx); \
                 after 400 or 500 the log of the proxy or `gatepost gate test` says more",
            ),
        }
    }

    fn question(&self, first: &Reply) -> Result<Verdict> {
        let Some(usual) = self.destination(first).filter(|_| !self.is_public) else {
            return Ok(Verdict::skipped(
                "only an address that asks to sign in can tell; give such a one",
            ));
        };
        let usual = usual.replace(&marker("first"), "");
        let mut believed = Vec::new();
        for (at, forged) in OTHERWISE.iter().enumerate() {
            let mark = format!("otherwise{at}");
            let reply = self.ask(&mark, &[&BROWSER[..], &[forged]].concat())?;
            let is_refused = (400..600).contains(&reply.status);
            let told = self.destination(&reply).map(|it| it.replace(&marker(&mark), ""));
            if !is_refused && told.as_ref() != Some(&usual) {
                believed.push(shown(forged));
            }
        }
        Ok(if believed.is_empty() {
            Verdict::ok("the gate is asked about what was asked, whatever a client says")
        } else {
            let text = format!("the gate believes a client's {}", believed.join("; "));
            Verdict::fault(text, WHY_ASKED, MEND_ASKED)
        })
    }

    /// Whether anybody may ask the gate at the host of the pages.
    fn hidden(&self) -> Result<Verdict> {
        let fields = [
            "X-Forwarded-Method: GET",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: forged.example",
            "X-Forwarded-Uri: /",
        ];
        let reply = self.pages.ask("/gate", &fields).map_err(|error| away(self.login, &error))?;
        Ok(match reply.status {
            400 | 404 => Verdict::ok("nobody else can ask the gate"),
            status => Verdict::warning(
                format!("{}/gate answers anybody, with {status}", self.login),
                "anybody can try out the rules with their own sign-in",
                "answer it with 404: nginx `location = /gate { return 404; }`, Caddy `respond /gate 404`, Traefik \
                 `!Path(`/gate`)`, HAProxy `http-request return status 404 if { path /gate }`",
            ),
        })
    }

    fn cookies(&self, first: &Reply, more: &[String]) -> Verdict {
        if self.is_public || self.asked.origin == *self.login {
            return Verdict::skipped(
                "only an address at another host that asks to sign in sets one",
            );
        }
        let leaving = first.cookie(["__Host-gatepost-return", "gatepost-return"]);
        let Some(leaving) = leaving else {
            let text = "the cookie for the way back does not arrive";
            return Verdict::fault(text, WHY_COOKIE, MEND_COOKIE);
        };
        let is_secure = self.asked.origin.is_secure();
        let is_whole = |field: &str| {
            let lower = field.to_lowercase();
            let has = |part: &str| lower.split("; ").skip(1).any(|it| it == part);
            let is_host = field.starts_with("__Host-") && has("secure");
            has("httponly")
                && has("path=/")
                && !lower.contains("; domain=")
                && (is_host || !is_secure)
        };
        let all = std::iter::once(leaving).chain(more.iter().map(String::as_str));
        match all.into_iter().find(|field| !is_whole(field)) {
            Some(field) => {
                let name = field.split('=').next().unwrap_or_default();
                let text = format!(
                    "the cookie {name} arrives without Secure, HttpOnly or Path=/, or with a Domain"
                );
                Verdict::fault(text, WHY_COOKIE, MEND_COOKIE)
            }
            None => Verdict::ok("cookies arrive as they were sent"),
        }
    }

    /// What reaches the program of what a client forges, and of what the gate says.
    fn identity(&self, cookie: Option<&str>, stand_in: Option<&StandIn>) -> Result<Verdict> {
        let Some(stand_in) = stand_in else {
            return Ok(Verdict::skipped(
                "stop the program and say --program ADDRESS, so that the doctor sees what reaches it",
            ));
        };
        if !self.is_public && cookie.is_none() {
            return Ok(Verdict::skipped("say --as LOGIN, or give an address whose rule is public"));
        }
        let cookie = cookie.map(|pair| format!("Cookie: theme=dark; {pair}; lang=en"));
        let cookie: Vec<&str> = cookie.iter().map(String::as_str).collect();
        self.ask("identity", &cookie)?;
        let Some(plain) = stand_in.seen(&marker("identity")) else {
            return Ok(Verdict::fault(
                "a request that the gate lets through does not reach the program's address",
                "nobody can use it",
                "look at the address after --program, and at the rule: `gatepost gate test`",
            ));
        };
        let mut arrived = Vec::new();
        for (at, forged) in FORGED.iter().enumerate() {
            let mark = format!("forged{at}");
            self.ask(&mark, &[&cookie[..], &[forged]].concat())?;
            let seen = stand_in.seen(&marker(&mark));
            let is_forged = |line: &str| line.starts_with("remote") && line.contains("forged");
            // A folded field stands on two lines.
            let unfolded = seen.map(|head| head.replace("\r\n ", " ")).unwrap_or_default();
            if unfolded.lines().any(is_forged) {
                arrived.push(shown(forged));
            }
        }
        if !arrived.is_empty() {
            let text = format!("the program gets a client's {}", arrived.join("; "));
            return Ok(Verdict::fault(text, WHY_FORGED, MEND_FORGED));
        }
        if plain.contains("gatepost-gate=") || plain.contains("gatepost-return=") {
            return Ok(Verdict::warning(
                "the program gets Gatepost's cookies",
                "it can use them nowhere else, and has no use for them",
                "take them away: the maps of examples/gate/nginx.conf, Caddy `request_header Cookie …`, Traefik \
                 `cookie=1` with authResponseHeaders, HAProxy gate.lua",
            ));
        }
        if !cookie.is_empty() && !plain.contains("\nremote-user:") {
            return Ok(Verdict::fault(
                "Remote-User does not reach the program",
                "it cannot know who asks",
                "pass it on: nginx auth_request_set and proxy_set_header, Caddy copy_headers, Traefik \
                 authResponseHeaders, HAProxy gate.lua",
            ));
        }
        Ok(Verdict::ok("nothing that a client forges reaches the program"))
    }

    /// Other names and paths under which the program might be reached without the gate.
    fn other_ways(&self, stand_in: Option<&StandIn>) -> Result<Verdict> {
        let Some(stand_in) = stand_in else {
            return Ok(Verdict::skipped(
                "say --program ADDRESS, so that the doctor sees what reaches it",
            ));
        };
        if self.is_public {
            return Ok(Verdict::skipped("give an address that asks to sign in"));
        }
        let own = format!("Host: {}", self.program.authority);
        let pages = format!("Host: {}", self.pages.authority);
        let whole = format!("{}{}", self.asked.origin, self.marked("way5"));
        let ways = [
            ("another host", "way0", "Host: unknown.example", self.marked("way0")),
            ("no host", "way1", "Host:", self.marked("way1")),
            (
                "the path /.gatepost/..",
                "way2",
                own.as_str(),
                format!("/.gatepost/..{}", self.marked("way2")),
            ),
            (
                "the path /.gatepost/%2e%2e",
                "way3",
                &own,
                format!("/.gatepost/%2e%2e{}", self.marked("way3")),
            ),
            ("the path /.gatepost/", "way4", &own, format!("/.gatepost/x?{}", marker("way4"))),
            ("another host beside a whole address", "way5", &pages, whole),
        ];
        let mut open = Vec::new();
        for (way, mark, host, target) in &ways {
            // A proxy may close without an answer.
            drop(self.program.send("GET", target, &[host, BROWSER[0]], ""));
            if stand_in.seen(&marker(mark)).is_some() {
                open.push(*way);
            }
        }
        Ok(if open.is_empty() {
            Verdict::ok("no other name or path leads to the program")
        } else {
            let text = format!("the program is reached without the gate by {}", open.join("; "));
            Verdict::fault(text, WHY_REACHED, MEND_REACHED)
        })
    }
}

/// A field as a message shows it, in one line.
fn shown(field: &str) -> String {
    field.replace("\r\n ", " (folded) ").replace("\r\n", " and ")
}
