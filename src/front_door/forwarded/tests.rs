//! Who is believed about the client's address.

use super::*;
use crate::config::NotACidr;

fn client(peer: &str, lines: &[(&str, &str)], header: ForwardedHeader) -> String {
    let fields: Vec<Field<'_>> =
        lines.iter().map(|&(name, value)| Field { name, value: value.as_bytes() }).collect();
    let trusted = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].map(|text| text.parse().unwrap());
    client_address(peer.parse().unwrap(), &fields, header, &trusted).to_string()
}

fn x(peer: &str, value: &str) -> String {
    client(peer, &[("X-Forwarded-For", value)], ForwardedHeader::XForwardedFor)
}

fn rfc(value: &str) -> String {
    client("10.0.0.1", &[("Forwarded", value)], ForwardedHeader::Forwarded)
}

#[test]
fn an_untrusted_peer_is_the_client_whatever_it_says() {
    assert_eq!(x("192.0.2.1", "198.51.100.7"), "192.0.2.1");
    assert_eq!(x("::ffff:192.0.2.1", "198.51.100.7"), "192.0.2.1");
}

#[test]
fn the_list_is_read_from_the_right_and_never_past_an_untrusted_hop() {
    assert_eq!(x("10.0.0.1", "198.51.100.7"), "198.51.100.7");
    assert_eq!(x("::ffff:10.0.0.1", "198.51.100.7"), "198.51.100.7");
    assert_eq!(x("10.0.0.1", "1.1.1.1, 198.51.100.7"), "198.51.100.7");
    assert_eq!(x("10.0.0.1", "1.1.1.1, 198.51.100.7,10.9.9.9 , fd00::2"), "198.51.100.7");
    assert_eq!(x("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_eq!(x("10.0.0.1", ""), "10.0.0.1");
}

#[test]
fn several_lines_are_one_list() {
    let lines = [("x-forwarded-for", "1.1.1.1"), ("a", "b"), ("X-FORWARDED-FOR", "10.0.0.2")];
    assert_eq!(client("127.0.0.1", &lines, ForwardedHeader::XForwardedFor), "1.1.1.1");
    let lines = [("x-forwarded-for", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")];
    assert_eq!(client("127.0.0.1", &lines, ForwardedHeader::XForwardedFor), "2.2.2.2");
}

#[test]
fn reading_stops_at_what_is_no_address() {
    for garbage in ["unknown", "1.1.1.1.1", "", "_x", "1.1.1.1 2.2.2.2", "[::1", "\"1.1.1.1"] {
        assert_eq!(x("10.0.0.1", &format!("8.8.8.8, {garbage}")), "10.0.0.1", "{garbage}");
        assert_eq!(x("10.0.0.1", &format!("8.8.8.8, {garbage}, 10.0.0.2")), "10.0.0.2");
    }
}

#[test]
fn ports_brackets_and_mapped_addresses_are_understood() {
    assert_eq!(x("10.0.0.1", "192.0.2.5:4711"), "192.0.2.5");
    assert_eq!(x("10.0.0.1", "[2001:db8::5]:4711"), "2001:db8::5");
    assert_eq!(x("10.0.0.1", "[2001:db8::5]"), "2001:db8::5");
    assert_eq!(x("10.0.0.1", "2001:db8::5"), "2001:db8::5");
    assert_eq!(x("10.0.0.1", "::ffff:192.0.2.5"), "192.0.2.5");
    // A mapped address of a trusted proxy is that proxy.
    assert_eq!(x("10.0.0.1", "192.0.2.5, ::ffff:10.0.0.2"), "192.0.2.5");
}

#[test]
fn the_field_that_was_not_chosen_is_ignored() {
    let lines = [("Forwarded", "for=1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")];
    assert_eq!(client("10.0.0.1", &lines, ForwardedHeader::XForwardedFor), "2.2.2.2");
    assert_eq!(client("10.0.0.1", &lines, ForwardedHeader::Forwarded), "1.1.1.1");
}

#[test]
fn forwarded_elements_are_parsed_with_their_quotes() {
    assert_eq!(rfc("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
    assert_eq!(rfc("For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
    assert_eq!(rfc("for=192.0.2.43, for=198.51.100.17"), "198.51.100.17");
    assert_eq!(rfc("for=192.0.2.43, for=10.0.0.9;by=\"a, for=1.1.1.1\""), "192.0.2.43");
    // A quote that the client left open does not hide what the proxy added.
    assert_eq!(rfc("for=\"x, for=1.1.1.1"), "1.1.1.1");
    assert_eq!(rfc("for=\"x, for=\"[2001:db8::1]\""), "2001:db8::1");
    for bad in ["for=unknown", "for=_hidden", "proto=http", "for", "for=1.1.1.1;for=2.2.2.2", ""] {
        assert_eq!(rfc(bad), "10.0.0.1", "{bad}");
    }
}

#[test]
fn blocks_are_parsed_and_contain_what_they_should() {
    let contains = |block: &str, address: &str| {
        block.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    };
    assert!(contains("10.1.2.3/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.0"));
    assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
    assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
    assert!(contains("::/0", "::1") && contains("2001:db8::/32", "2001:db8:1::"));
    assert!(!contains("2001:db8::/127", "2001:db8::2"));
    for bad in ["", "a", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "/8"] {
        assert_eq!(bad.parse::<Cidr>(), Err(NotACidr), "{bad}");
    }
}

#[test]
fn six_is_counted_by_customer() {
    let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
    assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
}

fn id_of(peer: &str, ids: &[&str]) -> Option<String> {
    let field = |id| Field { name: "X-REQUEST-id", value: str::as_bytes(id) };
    let fields: Vec<Field<'_>> = ids.iter().copied().map(field).collect();
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    request_id(peer.parse().unwrap(), &fields, &trusted).map(str::to_owned)
}

#[test]
fn the_id_of_a_request_is_taken_from_a_listed_peer_alone() {
    assert_eq!(id_of("10.0.0.1", &["a.B_9-z"]).as_deref(), Some("a.B_9-z"));
    assert_eq!(id_of("::ffff:10.0.0.1", &["a"]).as_deref(), Some("a"));
    assert_eq!(id_of("192.0.2.1", &["a"]), None);
    assert_eq!(id_of("10.0.0.1", &[]), None);
}

#[test]
fn an_id_that_is_no_word_or_not_the_only_one_is_ignored() {
    let longest = "x".repeat(64);
    assert_eq!(id_of("10.0.0.1", &[&longest]), Some(longest.clone()));
    let too_long = format!("{longest}x");
    for id in ["", &too_long, "a b", "a,b", "a\"b", "a/b", "a\tb", "\u{e9}", "a:b", "{a}"] {
        assert_eq!(id_of("10.0.0.1", &[id]), None, "{id:?}");
    }
    assert_eq!(id_of("10.0.0.1", &["a", "b"]), None);
    assert_eq!(id_of("10.0.0.1", &["a", "a"]), None);
}
