//! The console as it is deployed: static files on the same origin as the API, with the headers of `infra/console-headers.json`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;
use tower_http::services::ServeDir;

use crate::local_api::page;
use crate::problem::Problem;

/// The headers of the console's files, here and on AWS.
const HEADERS: &str = include_str!("../../console-headers.json");

/// What stands in the headers for the origin that files are uploaded to.
const UPLOADS: &str = "{uploads}";

/// Where `make console` builds it.
#[must_use]
pub fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist")
}

/// The console.
#[derive(Debug, Clone)]
pub struct Console {
    folder: PathBuf,
    headers: Headers,
}

/// The headers of the console's files.
#[derive(Debug, Clone)]
struct Headers {
    /// Of all.
    all: HeaderMap,
    /// Of those whose name changes with their content.
    assets: HeaderMap,
    /// Of the others.
    others: HeaderMap,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadersFile {
    all: BTreeMap<String, String>,
    assets: BTreeMap<String, String>,
    others: BTreeMap<String, String>,
}

impl Headers {
    fn read(text: &str, uploads: &str) -> io::Result<Self> {
        let file: HeadersFile = serde_json::from_str(text)?;
        let read = |headers: BTreeMap<String, String>| {
            headers
                .into_iter()
                .map(|(name, value)| {
                    let value = value.replace(UPLOADS, uploads);
                    let name = name.parse::<HeaderName>().map_err(io::Error::other)?;
                    let value = HeaderValue::from_str(&value).map_err(io::Error::other)?;
                    Ok((name, value))
                })
                .collect::<io::Result<HeaderMap>>()
        };
        Ok(Self {
            all: read(file.all)?,
            assets: read(file.assets)?,
            others: read(file.others)?,
        })
    }
}

impl Console {
    /// The console that is, or will be, built in a folder; it uploads files to this origin.
    ///
    /// # Errors
    /// When the headers' file is faulty.
    pub fn new(folder: PathBuf, uploads: &str) -> io::Result<Self> {
        let headers = Headers::read(HEADERS, uploads)?;
        Ok(Self { folder, headers })
    }

    /// A file of the console; its one page for every other address that is not the API's.
    pub async fn answer(self, mut request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let ours = !["/v1", "/local"].into_iter().any(|other| {
            path.strip_prefix(other)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !ours || !reads {
            return Problem::not_found().into_response();
        }
        let is_file = path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains('.'));
        if !is_file {
            if !self.folder.join("index.html").exists() {
                return not_built();
            }
            *request.uri_mut() = Uri::from_static("/index.html");
        }
        let mut files = ServeDir::new(&self.folder)
            .append_index_html_on_directories(false)
            .precompressed_br()
            .precompressed_gzip();
        let mut response = match files.try_call(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => {
                return Problem::not_found().into_response();
            }
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(%error, "a file of the console cannot be read");
                return Problem::internal().into_response();
            }
        };
        let of_its_kind = if path.starts_with("/assets/") {
            &self.headers.assets
        } else {
            &self.headers.others
        };
        let headers = self.headers.all.iter().chain(of_its_kind);
        for (name, value) in headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

/// Says how to get the console.
fn not_built() -> Response {
    let mut response = page("no-console.html", context! {});
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_can_be_sent_and_name_the_origin_of_uploads() {
        let headers = Headers::read(HEADERS, "http://127.0.0.1:9000").unwrap();
        let policy = headers.all["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("connect-src 'self' http://127.0.0.1:9000;"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('{'),
            "{policy}"
        );
    }
}
