//! Parameters from queries, forms and JSON: which are taken, and what is said of the others.

use super::*;

fn fault<T>(result: Result<T>) -> String {
    result.map_or_else(|e| e.to_string(), |_| String::new())
}

#[test]
fn a_query_is_decoded_once() {
    let mut query = Parameters::from_query("login=a%2Bb+c%2525&id=7").unwrap();
    assert_eq!(query.text("login").unwrap(), "a+b c%25");
    assert_eq!(query.number("id", 1).unwrap(), 7);
    assert!(query.end().is_ok());
}

#[test]
fn a_broken_query_is_refused() {
    for query in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%ff", "a=1&a=1", "a=1&%61=1"] {
        assert!(Parameters::from_query(query).is_err(), "{query}");
    }
}

#[test]
fn a_number_in_a_query_is_digits_within_its_range() {
    let number = |text: &str| {
        Parameters::from_query(&format!("id={text}")).and_then(|mut p| p.number("id", 1))
    };
    assert_eq!(number("9223372036854775807"), Ok(i64::MAX));
    for text in ["", "0", "-1", "%2B7", "7.5", "1e3", "0x7", "9223372036854775808", "true", "7%20"]
    {
        assert!(fault(number(text)).starts_with("id: must be a whole number"), "{text}");
    }
}

#[test]
fn a_number_in_json_is_a_number_within_its_range() {
    let number = |json: &str| {
        let body = format!("{{\"id\":{json}}}");
        Parameters::from_json(body.as_bytes()).and_then(|mut p| p.number("id", 1))
    };
    assert_eq!(number("9223372036854775807"), Ok(i64::MAX));
    for json in ["0", "-1", "\"7\"", "7.5", "7.0", "1e3", "9223372036854775808", "true", "null"] {
        assert!(fault(number(json)).starts_with("id: must be a whole number"), "{json}");
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for body in ["5", "[]", "\"a\"", "null", "{", "{\"a\":1,}", "{} {}", "{\"a\":\"\\ud800\"}"] {
        let text = fault(Parameters::from_json(body.as_bytes()));
        assert!(text.starts_with("the body: "), "{body}: {text}");
    }
    assert!(Parameters::from_json(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn a_member_twice_or_unknown_is_named() {
    let twice = Parameters::from_json(br#"{"login":"a","login":"a"}"#);
    assert_eq!(fault(twice), "login: is given twice");
    let unknown = Parameters::from_json(br#"{"lo\u0000gin":"a"}"#).unwrap();
    assert_eq!(fault(unknown.end()), "lo\\0gin: is not known here");
}

#[test]
fn query_and_body_may_repeat_each_other_but_not_differ() {
    let merge = |query: &str, body: &str| {
        let mut parameters = Parameters::from_query(query).unwrap();
        parameters.merge(Parameters::from_json(body.as_bytes()).unwrap())?;
        parameters.number("id", 1)
    };
    assert_eq!(merge("id=7", r#"{"id":7}"#), Ok(7));
    assert_eq!(merge("", r#"{"id":7}"#), Ok(7));
    assert_eq!(fault(merge("id=7", r#"{"id":8}"#)), "id: differs between query and body");
    assert!(fault(merge("id=7", r#"{"id":"7"}"#)).starts_with("id: must be a whole number"));
}

#[test]
fn a_form_is_read_like_a_query_and_empty_values_count_as_missing() {
    let mut form = Parameters::from_form(b"token=a%2Bb+c&token_type_hint=").unwrap();
    assert_eq!(form.text("token").unwrap(), "a+b c");
    assert!(fault(form.text("token_type_hint")).contains("from the form"));
    for body in [&b"token=a&token=b"[..], b"token=&token=b", b"token=%", b"\xff=1", b"a=%ff"] {
        assert!(Parameters::from_form(body).is_err(), "{body:?}");
    }
}

#[test]
fn a_request_has_at_most_16_parameters() {
    let query = |count: usize| {
        let pairs: Vec<String> = (0..count).map(|n| format!("p{n}=1")).collect();
        Parameters::from_query(&pairs.join("&")).map(drop)
    };
    assert_eq!(query(16), Ok(()));
    assert_eq!(fault(query(17)), "more than 16 parameters");
}
