//! The bucket: addresses for uploads, links for downloads, and objects read and written in parts.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::presigning::{PresigningConfig, PresigningConfigError};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use thiserror::Error;

/// The size of the parts of a large object; S3 wants 5 MB at least and 10,000 parts at most, so 80 GB fit.
const PART: usize = 8 * 1024 * 1024;

/// The bucket for uploads, plans, reports and exports.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    bucket: String,
}

/// Where and how to upload a file, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadAddress {
    /// The method of the request.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// The headers that it must have, exactly.
    pub headers: Vec<(String, String)>,
}

/// A failure of S3, or on the way to it. It names the operation and no key, because keys may hold names.
#[derive(Debug, Error)]
pub enum FilesError {
    /// The service refused or could not be reached.
    #[error("S3 {operation} failed")]
    Service {
        /// The operation.
        operation: &'static str,
        /// What the SDK says.
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
    /// The object broke off while it was read.
    #[error("an S3 object broke off while it was read")]
    Broken(#[source] ByteStreamError),
    /// A link cannot be valid for that long.
    #[error("an S3 link cannot be valid for that long")]
    Validity(#[source] PresigningConfigError),
    /// S3 answered without something that it always sends.
    #[error("S3 answered without {0}")]
    Incomplete(&'static str),
    /// The object was given up after an earlier failure.
    #[error("the object was given up after an earlier failure")]
    GivenUp,
}

impl FilesError {
    fn service(operation: &'static str) -> impl FnOnce(aws_sdk_s3::Error) -> Self {
        move |error| Self::Service {
            operation,
            source: Box::new(error),
        }
    }
}

impl Files {
    /// The bucket of that name.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
    }

    /// An address to which one object can be uploaded, once or more often, for a while (7 days at most).
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn upload_address(
        &self,
        key: &str,
        content_type: &str,
        valid_for: Duration,
    ) -> Result<UploadAddress, FilesError> {
        let validity = PresigningConfig::expires_in(valid_for).map_err(FilesError::Validity)?;
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .presigned(validity)
            .await
            .map_err(|error| FilesError::service("PutObject (address)")(error.into()))?;
        Ok(UploadAddress {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            headers: request
                .headers()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// A link under which anybody can download an object for a while (7 days at most), saved as `file_name`.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn download_link(
        &self,
        key: &str,
        valid_for: Duration,
        file_name: &str,
    ) -> Result<String, FilesError> {
        let validity = PresigningConfig::expires_in(valid_for).map_err(FilesError::Validity)?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_disposition(attachment(file_name))
            .presigned(validity)
            .await
            .map_err(|error| FilesError::service("GetObject (link)")(error.into()))?;
        Ok(request.uri().to_owned())
    }

    /// An object from its start; none when there is no such object.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn read(&self, key: &str) -> Result<Option<Stream>, FilesError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        Ok(found(request.send().await)?.map(Stream::from))
    }

    /// The bytes of an object from `from` until before `to`, fewer where it ends; none when there is no such object.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn read_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Vec<u8>>, FilesError> {
        let Some(last) = to.checked_sub(1).filter(|last| *last >= from) else {
            return Ok(self.size(key).await?.map(|_| Vec::new()));
        };
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range(format!("bytes={from}-{last}"));
        match request.send().await {
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|response| response.status().as_u16() == 416) =>
            {
                Ok(Some(Vec::new()))
            }
            answer => match found(answer)? {
                Some(output) => Ok(Some(
                    output
                        .body
                        .collect()
                        .await
                        .map_err(FilesError::Broken)?
                        .to_vec(),
                )),
                None => Ok(None),
            },
        }
    }

    /// How many bytes an object has; none when there is no such object.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, FilesError> {
        match self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
        {
            Ok(output) => {
                let size = output
                    .content_length()
                    .and_then(|length| u64::try_from(length).ok());
                size.map(Some).ok_or(FilesError::Incomplete("a length"))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(HeadObjectError::is_not_found) =>
            {
                Ok(None)
            }
            Err(error) => Err(FilesError::service("HeadObject")(error.into())),
        }
    }

    /// Writes an object at once.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn put(
        &self,
        key: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<(), FilesError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| FilesError::service("PutObject")(error.into()))?;
        Ok(())
    }

    /// Deletes an object; it is well when there is none.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn delete(&self, key: &str) -> Result<(), FilesError> {
        self.client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| FilesError::service("DeleteObject")(error.into()))?;
        Ok(())
    }

    /// Starts to write an object of unknown size. Nothing can be seen of it until it is finished.
    #[must_use]
    pub fn writer(&self, key: impl Into<String>, content_type: impl Into<String>) -> Upload {
        Upload {
            files: self.clone(),
            key: key.into(),
            content_type: content_type.into(),
            buffer: Vec::new(),
            state: State::Small,
        }
    }
}

/// An object as it comes.
#[derive(Debug)]
pub struct Stream {
    size: Option<u64>,
    etag: Option<String>,
    body: ByteStream,
}

impl Stream {
    /// How many bytes the object has, when S3 said so.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// What S3 calls this content of the object: another content at the same key has another.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When the object breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FilesError> {
        self.body.try_next().await.map_err(FilesError::Broken)
    }
}

impl From<GetObjectOutput> for Stream {
    fn from(output: GetObjectOutput) -> Self {
        Self {
            size: output
                .content_length()
                .and_then(|length| u64::try_from(length).ok()),
            etag: output.e_tag,
            body: output.body,
        }
    }
}

/// An object being written, in memory of two parts at most: one request when it is small, in parts when it is large.
///
/// One that is dropped unfinished leaves nothing to be seen; parts sent already are for the bucket's lifecycle rule.
#[derive(Debug)]
pub struct Upload {
    files: Files,
    key: String,
    content_type: String,
    buffer: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// All of it is in the buffer.
    Small,
    /// The rest is in the buffer.
    Large(Parts),
    /// A failure left it incomplete, and so it must stay invisible.
    GivenUp,
}

/// The parts sent so far.
#[derive(Debug)]
struct Parts {
    id: String,
    sent: Vec<CompletedPart>,
}

impl Upload {
    /// Writes on. After an error the object is given up.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), FilesError> {
        if matches!(self.state, State::GivenUp) {
            return Err(FilesError::GivenUp);
        }
        while self.buffer.len() + bytes.len() > PART {
            let (fitting, rest) = bytes.split_at(PART - self.buffer.len());
            self.buffer.extend_from_slice(fitting);
            bytes = rest;
            let part = std::mem::take(&mut self.buffer);
            self.send(part).await?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Completes the object: from now on it is there, as a whole.
    ///
    /// # Errors
    /// When S3 fails now, or failed before; then the object is not there, or still the one before.
    pub async fn finish(mut self) -> Result<(), FilesError> {
        let rest = std::mem::take(&mut self.buffer);
        if matches!(self.state, State::Small) {
            return self.files.put(&self.key, &self.content_type, rest).await;
        }
        self.send(rest).await?;
        let State::Large(parts) = std::mem::replace(&mut self.state, State::GivenUp) else {
            return Err(FilesError::GivenUp);
        };
        let completed = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.sent))
            .build();
        let answer = self
            .files
            .client
            .complete_multipart_upload()
            .bucket(&self.files.bucket)
            .key(&self.key)
            .upload_id(&parts.id)
            .multipart_upload(completed)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                self.free(&parts.id).await;
                Err(FilesError::service("CompleteMultipartUpload")(error.into()))
            }
        }
    }

    /// Gives the object up, and frees the parts sent already.
    pub async fn abort(self) {
        if let State::Large(parts) = &self.state {
            self.free(&parts.id).await;
        }
    }

    async fn send(&mut self, part: Vec<u8>) -> Result<(), FilesError> {
        let mut parts = match std::mem::replace(&mut self.state, State::GivenUp) {
            State::Small => self.start().await?,
            State::Large(parts) => parts,
            State::GivenUp => return Err(FilesError::GivenUp),
        };
        match self.send_part(&parts, part).await {
            Ok(part) => {
                parts.sent.push(part);
                self.state = State::Large(parts);
                Ok(())
            }
            Err(error) => {
                self.free(&parts.id).await;
                Err(error)
            }
        }
    }

    async fn start(&self) -> Result<Parts, FilesError> {
        let answer = self
            .files
            .client
            .create_multipart_upload()
            .bucket(&self.files.bucket)
            .key(&self.key)
            .content_type(&self.content_type)
            // The SDK sends a checksum with each part, and S3 refuses one that was not announced.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| FilesError::service("CreateMultipartUpload")(error.into()))?;
        let id = answer
            .upload_id
            .ok_or(FilesError::Incomplete("an upload id"))?;
        Ok(Parts {
            id,
            sent: Vec::new(),
        })
    }

    async fn send_part(&self, parts: &Parts, part: Vec<u8>) -> Result<CompletedPart, FilesError> {
        let number = i32::try_from(parts.sent.len() + 1).unwrap_or(i32::MAX);
        let answer = self
            .files
            .client
            .upload_part()
            .bucket(&self.files.bucket)
            .key(&self.key)
            .upload_id(&parts.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(part))
            .send()
            .await
            .map_err(|error| FilesError::service("UploadPart")(error.into()))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    /// A failure here changes nothing for the caller: the lifecycle rule frees what is left.
    async fn free(&self, id: &str) {
        let request = self
            .files
            .client
            .abort_multipart_upload()
            .bucket(&self.files.bucket)
            .key(&self.key)
            .upload_id(id);
        if request.send().await.is_err() {
            tracing::warn!("an unfinished upload was left to the lifecycle rule of the bucket");
        }
    }
}

/// No object is an answer, not a failure.
fn found(
    answer: Result<GetObjectOutput, SdkError<GetObjectError>>,
) -> Result<Option<GetObjectOutput>, FilesError> {
    match answer {
        Ok(output) => Ok(Some(output)),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetObjectError::is_no_such_key) =>
        {
            Ok(None)
        }
        Err(error) => Err(FilesError::service("GetObject")(error.into())),
    }
}

/// A content disposition that saves the object under a name, whatever characters it has (RFC 6266).
fn attachment(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') {
                c
            } else {
                '_'
            }
        })
        .collect();
    if plain == file_name {
        return format!("attachment; filename=\"{plain}\"");
    }
    let encoded: String = file_name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A bucket in an embedded S3, which lives as long as the folder.
    async fn bucket() -> (Files, tempfile::TempDir) {
        bucket_opened_with("secret").await
    }

    async fn bucket_opened_with(secret: &str) -> (Files, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("key", secret, None, None, "test"))
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://{address}"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let client = Client::from_conf(config);
        std::fs::create_dir(folder.path().join("files")).unwrap();
        (Files::new(client, "files"), folder)
    }

    /// Sends a request to an address without any credentials; answers with status line, headers and body.
    async fn send(method: &str, url: &str, headers: &[(String, String)], body: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (host, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut socket = TcpStream::connect(host).await.unwrap();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{}content-length: {}\r\n\r\n{body}",
            headers.concat(),
            body.len(),
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn contents(files: &Files, key: &str) -> Option<Vec<u8>> {
        let mut stream = files.read(key).await.unwrap()?;
        let (mut contents, size) = (Vec::new(), stream.size());
        while let Some(bytes) = stream.next().await.unwrap() {
            contents.extend_from_slice(&bytes);
        }
        assert_eq!(size, Some(contents.len() as u64));
        Some(contents)
    }

    #[tokio::test]
    async fn an_object_can_be_written_read_in_parts_and_deleted() {
        let (files, _folder) = bucket().await;
        files
            .put("plans/t/i.csv", "text/csv", b"0123456789".to_vec())
            .await
            .unwrap();
        assert_eq!(
            contents(&files, "plans/t/i.csv").await.unwrap(),
            b"0123456789"
        );
        assert_eq!(files.size("plans/t/i.csv").await.unwrap(), Some(10));
        for (from, to, expected) in [
            (0, 10, "0123456789"),
            (3, 5, "34"),
            (8, 99, "89"),
            (4, 4, ""),
            (10, 12, ""),
        ] {
            let read = files
                .read_range("plans/t/i.csv", from, to)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), expected, "{from} to {to}");
        }
        files.delete("plans/t/i.csv").await.unwrap();
        assert_eq!(contents(&files, "plans/t/i.csv").await, None);
    }

    #[tokio::test]
    async fn an_object_that_is_not_there_is_a_value() {
        let (files, _folder) = bucket().await;
        assert!(files.read("no").await.unwrap().is_none());
        assert_eq!(files.read_range("no", 0, 5).await.unwrap(), None);
        assert_eq!(files.read_range("no", 5, 5).await.unwrap(), None);
        assert_eq!(files.size("no").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_that_names_the_operation() {
        let (files, _folder) = bucket_opened_with("another secret").await;
        let error = files.read("drop/t/ann.csv").await.unwrap_err();
        assert!(matches!(
            error,
            FilesError::Service {
                operation: "GetObject",
                ..
            }
        ));
        assert_eq!(error.to_string(), "S3 GetObject failed");
        assert!(files.size("drop/t/ann.csv").await.is_err());
        assert!(
            files
                .put("drop/t/ann.csv", "text/csv", Vec::new())
                .await
                .is_err()
        );
        assert!(files.delete("drop/t/ann.csv").await.is_err());
    }

    #[tokio::test]
    async fn a_large_object_is_written_in_parts_and_seen_only_when_finished() {
        let (files, _folder) = bucket().await;
        let object: Vec<u8> = (0..=250).cycle().take(PART * 2 + 5).collect();
        for size in [PART - 1, PART, PART + 1, PART * 2, object.len()] {
            // A key each: the embedded S3 keeps the checksum of an object that parts replace.
            let key = format!("exports/t/{size}.csv");
            let mut upload = files.writer(&key, "text/csv");
            for bytes in object[..size].chunks(1_000_003) {
                upload.write(bytes).await.unwrap();
                assert!(upload.buffer.len() <= PART);
            }
            assert_eq!(files.size(&key).await.unwrap(), None);
            assert_eq!(matches!(upload.state, State::Small), size <= PART);
            upload.finish().await.unwrap();
            assert!(
                contents(&files, &key).await.unwrap() == object[..size],
                "{size}"
            );
        }
        files.writer("empty", "text/csv").finish().await.unwrap();
        assert_eq!(files.size("empty").await.unwrap(), Some(0));
    }

    #[tokio::test]
    async fn an_upload_that_failed_or_was_aborted_leaves_nothing() {
        let (files, _folder) = bucket().await;
        let mut upload = files.writer("exports/t/e.csv", "text/csv");
        upload.write(&vec![0; PART + 1]).await.unwrap();
        upload.abort().await;
        assert_eq!(files.size("exports/t/e.csv").await.unwrap(), None);

        let mut upload = files.writer("exports/t/e.csv", "text/csv");
        upload.write(&vec![0; PART + 1]).await.unwrap();
        let State::Large(parts) = &mut upload.state else {
            panic!("no part was sent");
        };
        parts.id = "of nobody".to_owned();
        assert!(upload.write(&vec![0; PART]).await.is_err());
        assert!(matches!(
            upload.write(&vec![0; PART]).await,
            Err(FilesError::GivenUp)
        ));
        assert!(matches!(upload.finish().await, Err(FilesError::GivenUp)));
        assert_eq!(files.size("exports/t/e.csv").await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_upload_address_takes_the_file_with_its_content_type_only() {
        let (files, _folder) = bucket().await;
        let address = files
            .upload_address("uploads/t/i.csv", "text/csv", MINUTE)
            .await
            .unwrap();
        assert_eq!(address.method, "PUT");
        assert_eq!(
            address.headers,
            [("content-type".to_owned(), "text/csv".to_owned())]
        );
        let other = [("content-type".to_owned(), "text/html".to_owned())];
        let answer = send("PUT", &address.url, &other, "External ID\n").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        let answer = send("PUT", &address.url, &address.headers, "External ID\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(
            contents(&files, "uploads/t/i.csv").await.unwrap(),
            b"External ID\n"
        );
    }

    #[tokio::test]
    async fn a_download_link_needs_no_credentials_and_names_the_file() {
        let (files, _folder) = bucket().await;
        files
            .put("exports/t/e.csv", "text/csv", b"ID\r\n".to_vec())
            .await
            .unwrap();
        let link = files
            .download_link("exports/t/e.csv", MINUTE, "Nutzer für Köln.csv")
            .await
            .unwrap();
        assert!(
            link.contains("response-content-disposition=attachment"),
            "{link}"
        );
        let answer = send("GET", &link, &[], "").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("ID\r\n"),
            "{answer}"
        );
        assert!(
            files
                .download_link("x", Duration::from_hours(8 * 24), "x")
                .await
                .is_err()
        );
    }

    #[test]
    fn file_names_are_quoted_for_any_characters() {
        assert_eq!(
            attachment("users 2026.csv"),
            "attachment; filename=\"users 2026.csv\""
        );
        assert_eq!(
            attachment("für \"x\".csv"),
            "attachment; filename=\"f_r _x_.csv\"; filename*=UTF-8''f%C3%BCr%20%22x%22.csv"
        );
    }
}
