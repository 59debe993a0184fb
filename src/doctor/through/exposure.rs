//! Whether others than the proxy can reach the program.

use super::texts::WHY_REACHED;
use crate::doctor::verdict::Verdict;
use std::net::SocketAddr;

/// Whether others than the proxy can reach the program, as the kernel says.
pub(super) fn exposure(program: Option<SocketAddr>, listening: Option<SocketAddr>) -> Verdict {
    let Some(program) = program else {
        return Verdict::skipped("say --program ADDRESS, where the program listens");
    };
    if listening.is_none() {
        return Verdict::skipped("run this again while the program runs, to see who can reach it");
    }
    let Ok(tables) = tables() else {
        return Verdict::skipped("the kernel does not say who listens");
    };
    let open = open_listeners(&tables, program.port());
    if open.is_empty() {
        return Verdict::ok(format!("{program} can be reached from this machine alone"));
    }
    Verdict::fault(
        format!("the program listens on {} too, beyond this machine", open.join(" and ")),
        WHY_REACHED,
        "let it listen on 127.0.0.1 or a Unix socket, or close its port in the firewall",
    )
}

fn tables() -> std::io::Result<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}"));
    Ok(read("tcp")? + &read("tcp6").unwrap_or_default())
}

/// The addresses beyond loopback on which something listens at this port, in `/proc/net/tcp` and `tcp6`.
fn open_listeners(tables: &str, port: u16) -> Vec<&'static str> {
    const LISTENING: &str = "0A";
    let mut open = Vec::new();
    for line in tables.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(local), Some(&LISTENING)) = (words.get(1), words.get(3)) else { continue };
        let Some((address, at)) = local.split_once(':') else { continue };
        let is_loopback = (address.len() == 8 && address.ends_with("7F"))
            || address == "00000000000000000000000001000000"
            || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"));
        if u16::from_str_radix(at, 16) == Ok(port) && !is_loopback {
            let is_all = address.bytes().all(|byte| byte == b'0');
            open.push(if is_all { "all addresses" } else { "another address" });
        }
    }
    open.dedup();
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_who_can_reach_a_program() {
        let line = |address: &str, state: &str| {
            format!("   0: {address}:0BB8 00000000:0000 {state} 00000000:00000000 00:00000000\n")
        };
        for address in [
            "0100007F",
            "0200007F",
            "00000000000000000000000001000000",
            "0000000000000000FFFF00000100007F",
        ] {
            assert!(open_listeners(&line(address, "0A"), 3000).is_empty(), "{address}");
        }
        for address in ["00000000", "0100A8C0", "00000000000000000000000000000000"] {
            assert_eq!(open_listeners(&line(address, "0A"), 3000).len(), 1, "{address}");
            assert!(open_listeners(&line(address, "01"), 3000).is_empty());
            assert!(open_listeners(&line(address, "0A"), 3001).is_empty());
        }
    }
}
