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
    use axum::http::header::{
        CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::cloudformation::CloudFormation;
    use crate::template::DEPLOYED;

    fn template() -> CloudFormation {
        let parameters = BTreeMap::from([("BaseUrl", String::new()), ("Sender", String::new())]);
        CloudFormation::parse(DEPLOYED, &parameters).unwrap()
    }

    /// The headers of one of the template's policies.
    fn deployed(source: &CloudFormation, policy: &str) -> HeaderMap {
        let properties = source
            .resolve(&source.resources[policy].properties)
            .unwrap();
        let config = &properties["ResponseHeadersPolicyConfig"];
        let security = config["SecurityHeadersConfig"].as_object().unwrap();
        let named = security.iter().map(|(kind, header)| {
            let (name, value) = match kind.as_str() {
                "ContentSecurityPolicy" => (
                    CONTENT_SECURITY_POLICY,
                    header["ContentSecurityPolicy"].clone(),
                ),
                "ReferrerPolicy" => (REFERRER_POLICY, header["ReferrerPolicy"].clone()),
                "FrameOptions" => (X_FRAME_OPTIONS, header["FrameOption"].clone()),
                // It has one value only.
                "ContentTypeOptions" => (X_CONTENT_TYPE_OPTIONS, Value::from("nosniff")),
                "StrictTransportSecurity" => {
                    assert_eq!(header["IncludeSubdomains"], Value::Bool(false));
                    let age = format!("max-age={}", header["AccessControlMaxAgeSec"]);
                    (STRICT_TRANSPORT_SECURITY, Value::from(age))
                }
                unknown => panic!("what is {unknown}?"),
            };
            (name, value, header["Override"].clone())
        });
        let custom = config["CustomHeadersConfig"]["Items"].as_array().unwrap();
        let custom = custom.iter().map(|item| {
            let name = item["Header"].as_str().unwrap().parse().unwrap();
            (name, item["Value"].clone(), item["Override"].clone())
        });
        named
            .chain(custom)
            .map(|(name, value, overrides)| {
                assert_eq!(overrides, Value::Bool(true), "{name}");
                (name, value.as_str().unwrap().parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn the_template_has_these_headers() {
        let source = template();
        let uploads = source
            .resolve(&json!({"Fn::Sub": "https://${Bucket}.s3.${AWS::Region}.${AWS::URLSuffix}"}))
            .unwrap();
        let Headers {
            all,
            assets,
            others,
        } = Headers::read(HEADERS, uploads.as_str().unwrap()).unwrap();
        for (policy, of_its_kind) in [("ConsoleHeaders", others), ("ConsoleAssetHeaders", assets)] {
            let expected: HeaderMap = all
                .clone()
                .into_iter()
                .chain(of_its_kind)
                .filter_map(|(name, value)| Some((name?, value)))
                .collect();
            assert_eq!(deployed(&source, policy), expected, "{policy}");
        }
    }

    #[test]
    fn the_template_passes_the_api_on_and_answers_everything_else_with_the_console() {
        let source = template();
        let config = &source.resources["Distribution"].properties["DistributionConfig"];
        let of = |behaviour: &Value| {
            let policy = behaviour["ResponseHeadersPolicyId"]["Ref"].as_str();
            let target = behaviour["TargetOriginId"].as_str().unwrap();
            (target.to_owned(), policy.map(ToOwned::to_owned))
        };
        let behaviours = config["CacheBehaviors"].as_array().unwrap().iter();
        let by_path: BTreeMap<_, _> = behaviours
            .map(|behaviour| (behaviour["PathPattern"].as_str().unwrap(), of(behaviour)))
            .collect();
        let console = |policy: &str| ("console".to_owned(), Some(policy.to_owned()));
        assert_eq!(
            of(&config["DefaultCacheBehavior"]),
            console("ConsoleHeaders")
        );
        assert_eq!(
            by_path,
            BTreeMap::from([
                ("/assets/*", console("ConsoleAssetHeaders")),
                ("/v1/*", ("api".to_owned(), None)),
            ])
        );
        // It would make pages of the API's errors.
        assert_eq!(config["CustomErrorResponses"], Value::Null);
    }

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
