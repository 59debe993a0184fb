//! Pages of lists: the parameters that ask for one, and the link to the next.

use super::parameters::Parameters;
use super::response::Response;
use crate::domain::Page;
use crate::error::Result;

/// The page of a list that the parameters ask for.
pub(crate) fn page(parameters: &mut Parameters) -> Result<Page> {
    let number = parameters.optional_number("page_num", 1)?.unwrap_or(1);
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(20);
    let after = parameters.optional_number("after", 0)?;
    Page::parse(number, size, after)
}

/// Adds the link to the entries after the last id, if there are more. `others` are the request's
/// parameters other than those of a page, each followed by `&`.
pub(crate) fn with_next(
    response: Response,
    others: &str,
    page: Page,
    last: Option<i64>,
) -> Response {
    let Some(id) = last else { return response };
    let (next, size) = (page.number().saturating_add(1), page.size());
    response.next(&format!("{others}page_num={next}&page_size={size}&after={id}"))
}
