//! The bucket: an S3 server over a folder, which tells the event bus of every new object.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use muster_shared::clock::Clock;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, SimpleAuth};
use s3s::dto::{self, CopySource, ETag, HeadObjectInput};
use s3s::path::S3Path;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::cloudformation::{ACCOUNT, REGION};
use crate::data_dir::DataDir;
use crate::faults::{self, Service};
use crate::iam::{self, Roles, SECRET_KEY};
use crate::stack::Options;

/// Why the bucket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// No folder or port.
    #[error("the embedded S3 cannot start: {0}")]
    Io(#[from] std::io::Error),
    /// The file system server refuses its folder.
    #[error("the embedded S3 cannot start: {0}")]
    Folder(String),
}

/// Serves the bucket, and says where.
///
/// # Errors
/// When there is no folder or no port.
pub async fn start(
    data: &DataDir,
    bucket: &str,
    roles: Arc<Roles>,
    bus: Arc<Bus>,
    options: &Options,
    tasks: &mut JoinSet<()>,
) -> Result<String, BucketError> {
    let root = data.join("s3");
    std::fs::create_dir_all(root.join(bucket))?;
    let files =
        FileSystem::new(&root).map_err(|error| BucketError::Folder(format!("{error:?}")))?;
    let mut keys = SimpleAuth::new();
    for key in roles.access_keys() {
        keys.register(key.to_owned(), SECRET_KEY.into());
    }
    let mut service = S3ServiceBuilder::new(Bucket {
        files,
        roles: Arc::clone(&roles),
        bus,
        clock: options.clock.clone(),
    });
    service.set_auth(keys);
    service.set_access(Door { roles });
    let service = service.build();
    let objects = move |request: Request| {
        let service = service.clone();
        async move {
            match service.call(request.map(s3s::Body::http_body_unsync)).await {
                Ok(response) => response.map(Body::new),
                Err(error) => {
                    tracing::error!(?error, "the embedded S3 failed");
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                }
            }
        }
    };
    let app = Router::new().fallback(objects).layer(from_fn(for_browsers));
    let app = faults::before(app, options.faults.as_ref(), Service::S3);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the embedded S3 stopped");
        }
    });
    Ok(url)
}

/// Lets pages of any origin use pre-signed addresses, as the bucket's CORS rules do on AWS.
async fn for_browsers(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses requests without a key, what the caller may not do, and object keys that lead out of the bucket's folder.
struct Door {
    roles: Arc<Roles>,
}

#[async_trait::async_trait]
impl S3Access for Door {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = request.credentials() else {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        };
        let access = iam::s3::access(request.s3_op().name(), request.s3_path());
        self.roles
            .authorize(&credentials.access_key, &[access])
            .map_err(|denied| s3_error!(AccessDenied, "{denied}"))?;
        match request.s3_path() {
            S3Path::Object { key, .. } if leads_outside(key) => Err(s3_error!(
                InvalidArgument,
                "the key has an empty, `.` or `..` segment"
            )),
            _ => Ok(()),
        }
    }
}

fn leads_outside(key: &str) -> bool {
    let folder = key.strip_suffix('/').unwrap_or(key);
    folder
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
}

struct Bucket {
    files: FileSystem,
    roles: Arc<Roles>,
    bus: Arc<Bus>,
    clock: Clock,
}

impl Bucket {
    /// An object that is not there is not found for those who may list the bucket, and forbidden for others.
    fn missing<T>(
        &self,
        bucket: &str,
        credentials: Option<&Credentials>,
        found: S3Result<T>,
    ) -> S3Result<T> {
        let missing = |error: &S3Error| *error.code() == S3ErrorCode::NoSuchKey;
        if !found.as_ref().is_err_and(missing) {
            return found;
        }
        let access_key = credentials.map_or("", |credentials| &credentials.access_key);
        match self
            .roles
            .authorize(access_key, &[iam::s3::listing(bucket)])
        {
            Ok(()) => found,
            Err(denied) => Err(s3_error!(AccessDenied, "{denied}")),
        }
    }

    /// Tells the bus of a new object. The upload is acknowledged only after that, so none is ever forgotten.
    async fn created(
        &self,
        bucket: &str,
        key: &str,
        etag: Option<&ETag>,
        reason: &str,
    ) -> S3Result<()> {
        let head = HeadObjectInput::builder()
            .bucket(bucket.to_owned())
            .key(key.to_owned())
            .build();
        let head = head.map_err(|error| s3_error!(error, InternalError))?;
        let size = self
            .files
            .head_object(request(head))
            .await?
            .output
            .content_length;
        let event = created_event(
            bucket,
            key,
            size.unwrap_or_default(),
            etag.map(ETag::value),
            reason,
            &self.clock,
        );
        self.bus
            .put(&event)
            .map(drop)
            .map_err(|error| s3_error!(error, InternalError))
    }
}

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::GET,
        uri: axum::http::Uri::default(),
        headers: axum::http::HeaderMap::default(),
        extensions: axum::http::Extensions::default(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn created_event(
    bucket: &str,
    key: &str,
    size: i64,
    etag: Option<&str>,
    reason: &str,
    clock: &Clock,
) -> Value {
    let now = clock.now();
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4(),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": now,
        "region": REGION,
        "resources": [format!("arn:aws:s3:::{bucket}")],
        "detail": {
            "version": "0",
            "bucket": { "name": bucket },
            "object": { "key": key, "size": size, "etag": etag, "sequencer": format!("{:016X}", now.as_microsecond()) },
            "request-id": uuid::Uuid::new_v4().simple().to_string(),
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        },
    })
}

macro_rules! bucket_over_files {
    ($($method:ident: $input:ident => $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Bucket {
            $(async fn $method(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                self.files.$method(request).await
            })*

            async fn get_object(&self, request: S3Request<dto::GetObjectInput>) -> S3Result<S3Response<dto::GetObjectOutput>> {
                let (bucket, credentials) = (request.input.bucket.clone(), request.credentials.clone());
                let found = self.files.get_object(request).await;
                self.missing(&bucket, credentials.as_ref(), found)
            }

            async fn head_object(&self, request: S3Request<dto::HeadObjectInput>) -> S3Result<S3Response<dto::HeadObjectOutput>> {
                let (bucket, credentials) = (request.input.bucket.clone(), request.credentials.clone());
                let found = self.files.head_object(request).await;
                self.missing(&bucket, credentials.as_ref(), found)
            }

            async fn put_object(&self, request: S3Request<dto::PutObjectInput>) -> S3Result<S3Response<dto::PutObjectOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                let stored = self.files.put_object(request).await?;
                self.created(&bucket, &key, stored.output.e_tag.as_ref(), "PutObject").await?;
                Ok(stored)
            }

            async fn copy_object(&self, request: S3Request<dto::CopyObjectInput>) -> S3Result<S3Response<dto::CopyObjectOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                if let CopySource::Bucket { key, .. } = &request.input.copy_source
                    && leads_outside(key)
                {
                    return Err(s3_error!(InvalidArgument, "the source has an empty, `.` or `..` segment"));
                }
                let stored = self.files.copy_object(request).await?;
                let etag = stored.output.copy_object_result.as_ref().and_then(|result| result.e_tag.as_ref());
                self.created(&bucket, &key, etag, "CopyObject").await?;
                Ok(stored)
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<dto::CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                let stored = self.files.complete_multipart_upload(request).await?;
                self.created(&bucket, &key, stored.output.e_tag.as_ref(), "CompleteMultipartUpload").await?;
                Ok(stored)
            }
        }
    };
}

bucket_over_files! {
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput;
    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput;
    delete_object: DeleteObjectInput => DeleteObjectOutput;
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput;
    get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput;
    head_bucket: HeadBucketInput => HeadBucketOutput;
    list_buckets: ListBucketsInput => ListBucketsOutput;
    list_objects: ListObjectsInput => ListObjectsOutput;
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output;
    list_parts: ListPartsInput => ListPartsOutput;
    upload_part: UploadPartInput => UploadPartOutput;
    upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_leaves_the_bucket_is_refused() {
        for key in ["../other", "a/../../b", "a//b", "./a", "/a"] {
            assert!(leads_outside(key), "{key}");
        }
        for key in ["uploads/t/a.csv", "drop/t/a..b.csv", "folder/"] {
            assert!(!leads_outside(key), "{key}");
        }
    }
}
