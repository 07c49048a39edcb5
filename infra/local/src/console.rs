//! The pages that people land on, as they are deployed: static files on the same origin as the API.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

/// Nothing from elsewhere, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Path, media type and content of each file.
const FILES: [(&str, &str, &str); 7] = [
    (
        "/activate",
        "text/html; charset=utf-8",
        include_str!("../../../console/activate.html"),
    ),
    (
        "/activate.js",
        "text/javascript; charset=utf-8",
        include_str!("../../../console/activate.js"),
    ),
    (
        "/activate.css",
        "text/css; charset=utf-8",
        include_str!("../../../console/activate.css"),
    ),
    (
        "/reset",
        "text/html; charset=utf-8",
        include_str!("../../../console/reset.html"),
    ),
    (
        "/reset.js",
        "text/javascript; charset=utf-8",
        include_str!("../../../console/reset.js"),
    ),
    (
        "/email",
        "text/html; charset=utf-8",
        include_str!("../../../console/email.html"),
    ),
    (
        "/email.js",
        "text/javascript; charset=utf-8",
        include_str!("../../../console/email.js"),
    ),
];

/// The pages.
pub fn routes() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, media_type, content)| {
            let headers = [
                (CONTENT_TYPE, media_type),
                (CONTENT_SECURITY_POLICY, POLICY),
                (REFERRER_POLICY, "no-referrer"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (CACHE_CONTROL, "no-cache"),
            ];
            router.route(
                path,
                get(move || async move { (headers, content).into_response() }),
            )
        })
}
