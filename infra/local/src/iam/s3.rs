//! What calls of S3 do, as IAM sees it.

use s3s::path::S3Path;

use super::{Access, Context};

/// What an operation does to the object or bucket that its path names.
#[must_use]
pub fn access(operation: &str, path: &S3Path) -> Access {
    let action = match operation {
        "HeadObject" => "GetObject",
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "PutObject",
        "ListParts" => "ListMultipartUploadParts",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListBuckets" => "ListAllMyBuckets",
        // One that has more to it than the one object, a copy or the deletion of many, has an action of its own here: no
        // function has it.
        other => other,
    };
    let resource = match path {
        S3Path::Root => "*".to_owned(),
        S3Path::Bucket { bucket } => arn(bucket),
        S3Path::Object { bucket, key } => format!("{}/{key}", arn(bucket)),
    };
    Access {
        action: format!("s3:{action}").into(),
        resource,
        context: Context::None,
    }
}

/// The right by which somebody learns that an object is not there.
#[must_use]
pub fn listing(bucket: &str) -> Access {
    Access {
        action: "s3:ListBucket".into(),
        resource: arn(bucket),
        context: Context::None,
    }
}

fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}
