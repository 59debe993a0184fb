//! How a page is sent: its fields, its style sheet, and the page of an error.

use super::texts::{self, Texts};
use super::views::{Done, Frame, Problem};
use crate::app::App;
use crate::config::{WebOrigin, picture as picture_of};
use crate::error::{Error, Result};
use crate::http::{Request, Response, Told};
use askama::Template;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What a page may load and do: nothing but our own style sheet and script is loaded, forms and the script ask
/// us alone, and no page may frame ours. `own` is where ours are, and the answer to a form may send the
/// browser on to `programs` too, which browsers would refuse otherwise.
fn policy(own: &str, programs: &[WebOrigin]) -> String {
    let programs = programs.iter().fold(String::new(), |all, it| all + " " + it.as_str());
    format!(
        "default-src 'none'; style-src {own}; script-src {own}; img-src {own}; connect-src {own}; \
         form-action {own}{programs}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Lets the forms of a page lead on to the programs behind the gate.
pub(super) fn leading_on(app: &App, page: Response) -> Response {
    page.instead(POLICY_FIELD, &policy("'self'", &app.config().gate.origins))
}

const POLICY_FIELD: &str = "Content-Security-Policy";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What answers a request for a page.
pub(super) type Page = fn(&App, &Request) -> Result<Response>;

/// What stands before links from this page to those at the root.
pub(super) fn base(request: &Request) -> String {
    "../".repeat(request.path.matches('/').count().saturating_sub(1))
}

/// What is around a page of this request.
pub(super) fn frame<'a>(app: &'a App, request: &Request, alert: Option<String>) -> Frame<'a> {
    let config = app.config();
    let texts = texts::of(request.accept_language());
    let min_length = config.passwords.min_length;
    let has_logo = config.pages.logo.is_some();
    Frame { texts, name: &config.pages.name, has_logo, min_length, alert, base: base(request) }
}

/// A page as it is sent.
///
/// # Errors
/// [`Error::Internal`] when it cannot be rendered.
pub(super) fn page(status: u16, view: &impl Template) -> Result<Response> {
    let mut html = view.render().map_err(|e| Error::Internal(format!("a page: {e}")))?;
    // The templates end without one.
    html.push('\n');
    Ok(Response::page(status, html)
        .header("Cache-Control", "no-store")
        .header(POLICY_FIELD, policy("'self'", &[]))
        // Not `no-referrer`: browsers then send `Origin: null` with a form (Fetch, 3.2).
        .header("Referrer-Policy", "same-origin")
        .header("Cross-Origin-Opener-Policy", "same-origin"))
}

/// What went wrong, and how it is told.
pub(super) struct Alert {
    told: Told,
    text: String,
}

impl Alert {
    pub(super) fn of(request: &Request, error: &Error) -> Self {
        let told = Told::of(error, &request.id);
        let text = texts::of(request.accept_language()).alert(&told, error);
        Self { told, text }
    }
}

/// A page, with what went wrong, its status, and when to try again.
///
/// # Errors
/// As [`page`].
pub(super) fn answer<T: Template>(
    alert: Option<Alert>,
    view: impl FnOnce(Option<String>) -> T,
) -> Result<Response> {
    let Some(Alert { told, text }) = alert else { return page(200, &view(None)) };
    let page = page(told.status.0, &view(Some(text)))?;
    let headers = told.headers.into_iter().filter(|(name, _)| *name == "Retry-After");
    Ok(headers.fold(page, |page, (name, value)| page.header(name, value)))
}

/// The page that says what was done.
///
/// # Errors
/// As [`page`].
pub(super) fn done(
    app: &App,
    request: &Request,
    status: u16,
    heading: impl Fn(&Texts) -> &'static str,
) -> Result<Response> {
    let frame = frame(app, request, None);
    page(status, &Done { heading: heading(frame.texts), frame })
}

/// The page of an error.
pub(super) fn problem(app: &App, request: &Request, error: &Error) -> Response {
    let base = base(request);
    problem_with(app, request, error, &base, &format!("{base}sign-in"), |texts| texts.to_sign_in)
}

/// The same at the host of a program behind the gate, where our style sheet is elsewhere. It leads on to this
/// address.
pub(super) fn problem_elsewhere(
    app: &App,
    request: &Request,
    error: &Error,
    next: &str,
) -> Response {
    let own = app.config().pages.origin.as_ref().map_or("", WebOrigin::as_str);
    let page = problem_with(app, request, error, &format!("{own}/"), next, |texts| texts.go_on);
    page.instead(POLICY_FIELD, &policy(own, &[]))
}

fn problem_with(
    app: &App,
    request: &Request,
    error: &Error,
    base: &str,
    next: &str,
    label: impl Fn(&Texts) -> &'static str,
) -> Response {
    let page = answer(Some(Alert::of(request, error)), |text| {
        let frame = Frame { base: base.to_owned(), ..frame(app, request, text) };
        let next = (next, label(frame.texts));
        Problem { title: frame.texts.problem, frame, request_id: &request.id, next }
    });
    page.unwrap_or_else(|error| Response::from_error(&error, &request.id))
}

/// `GET /pages/script.js`
pub(super) fn script(_: &App, _: &Request) -> Result<Response> {
    Ok(Response::text("text/javascript; charset=utf-8", SCRIPT.to_owned())
        .header("Cache-Control", "public, max-age=300"))
}

/// `GET /pages/style.css`
pub(super) fn style(app: &App, _: &Request) -> Result<Response> {
    let accent = app.config().pages.accent_color;
    let on_accent = if accent.is_light() { "#000" } else { "#fff" };
    let style = format!(":root {{ --accent: {accent}; --on-accent: {on_accent}; }}\n{STYLE}");
    Ok(Response::text("text/css; charset=utf-8", style)
        .header("Cache-Control", "public, max-age=300"))
}

/// Most bytes of the logo.
const LOGO_BYTES: u64 = 256 * 1024;

/// `GET /pages/logo`
pub(super) fn logo(app: &App, request: &Request) -> Result<Response> {
    let Some(file) = &app.config().pages.logo else { return Ok(Response::not_found(&request.id)) };
    let picture = read_logo(file)?;
    let kind = picture_of(file).unwrap_or("application/octet-stream");
    Ok(Response::bytes(kind, picture)
        .header("Cache-Control", "public, max-age=300")
        // A picture in SVG could run scripts for whoever opens it by itself.
        .header(POLICY_FIELD, "default-src 'none'; style-src 'unsafe-inline'; sandbox"))
}

/// The picture of `pages.logo`.
///
/// # Errors
/// [`Error::File`].
pub(super) fn read_logo(file: &Path) -> Result<Vec<u8>> {
    let fault = |error: io::Error| Error::File(format!("pages.logo: {}: {error}", file.display()));
    let mut picture = Vec::new();
    if !std::fs::metadata(file).map_err(fault)?.is_file() {
        return Err(fault(io::Error::other("it is not a file")));
    }
    let opened = File::open(file).map_err(fault)?;
    opened.take(LOGO_BYTES + 1).read_to_end(&mut picture).map_err(fault)?;
    if picture.len() as u64 > LOGO_BYTES {
        return Err(fault(io::Error::other("it has over 256 KiB")));
    }
    Ok(picture)
}
