//! Pages of lists: the parameters that ask for one, and the link to the next.

use super::parameters::Parameters;
use super::response::Response;
use crate::domain::Page;
use crate::error::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;

/// What is encoded in a query: all but letters, digits, and what RFC 3986, 2.3 calls unreserved too.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The page of a list that the parameters ask for.
pub(crate) fn page(parameters: &mut Parameters) -> Result<Page> {
    let number = parameters.optional_number("page_num", 1)?.unwrap_or(1);
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(20);
    let after = parameters.optional_number("after", 0)?;
    Page::parse(number, size, after)
}

/// The same of a list whose `after` is a text.
pub(crate) fn page_and_after(parameters: &mut Parameters) -> Result<(Page, Option<String>)> {
    let after = parameters.optional_text("after")?;
    Ok((page(parameters)?, after))
}

/// Adds the link to the entries after the last one, if there are more. `others` are the request's
/// parameters other than those of a page, each followed by `&`.
pub(crate) fn with_next(
    response: Response,
    others: &str,
    page: Page,
    last: Option<impl Display>,
) -> Response {
    let Some(last) = last else { return response };
    let last = encoded(&last.to_string());
    let (next, size) = (page.number().saturating_add(1), page.size());
    response.next(&format!("{others}page_num={next}&page_size={size}&after={last}"))
}
