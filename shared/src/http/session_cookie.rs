//! The refresh token in a cookie, for browsers: no script can read it, and only requests about sessions carry it.

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{COOKIE, SET_COOKIE};

use super::{Request, Response};
use crate::domain::session::{IDLE, RefreshToken};

/// Browsers take a cookie of such a name with `Secure` only.
const NAME: &str = "__Secure-muster_refresh";

/// Who may send it: pages of the same site, to the routes about sessions.
const ATTRIBUTES: &str = "Path=/v1/sessions; HttpOnly; Secure; SameSite=Strict";

/// The refresh token that the browser presents, as text.
#[must_use]
pub fn presented(request: &Request) -> Option<&str> {
    let cookies = request.headers().get_all(COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, token)| token)
}

/// Gives the browser a refresh token, for as long as a session rests.
#[must_use]
pub fn with_token(response: Response, token: &RefreshToken) -> Response {
    with(response, &token.reveal(), IDLE.as_secs())
}

/// Takes the refresh token away from the browser.
#[must_use]
pub fn without_token(response: Response) -> Response {
    with(response, "", 0)
}

fn with(mut response: Response, token: &str, seconds: i64) -> Response {
    let cookie = format!("{NAME}={token}; Max-Age={seconds}; {ATTRIBUTES}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
