//! External IDs and e-mail addresses that a file has more than once, found in memory that does not grow with the file:
//! hashes go to partitions on disk, and each partition is looked at by itself.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use muster_shared::context::Context;
use muster_shared::domain::email::fold_address;
use muster_shared::domain::text::fold;
use muster_shared::error::Internal;
use muster_shared::files::{Column, FileError, Reader, Row};
use tempfile::tempfile;

/// Into how many partitions hashes are spread; each holds 1/64 of the file's.
const PARTITIONS: usize = 64;
/// How many duplicates a file may have: they are kept in memory, in the order of lines.
const MOST: usize = 1_000_000;

/// Which value of a row an earlier row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Twice {
    /// The external ID.
    ExternalId,
    /// The e-mail address.
    Email,
}

impl Twice {
    /// The code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::ExternalId => "duplicate_external_id",
            Self::Email => "duplicate_email",
        }
    }

    /// The fault in words.
    pub fn message(self, first: u64) -> String {
        match self {
            Self::ExternalId => format!("The External ID is that of line {first} already."),
            Self::Email => format!("The Email is that of line {first} already."),
        }
    }
}

/// A row with a value that an earlier row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// The row's line.
    pub line: u64,
    /// Which value.
    pub twice: Twice,
    /// The line of the first row with it.
    pub first: u64,
}

/// The duplicates of a file.
pub struct Duplicates {
    /// All of them, in the order of lines.
    pub rows: Vec<Duplicate>,
    /// What S3 calls the content that has them.
    pub etag: Option<String>,
}

/// Reads the whole file once.
pub async fn find(ctx: &Context, key: &str) -> Result<Result<Duplicates, FileError>, Internal> {
    let Some(mut stream) = ctx.files().read(key).await? else {
        return Ok(Err(FileError::Empty));
    };
    let etag = stream.etag().map(str::to_owned);
    let mut partitions = Partitions::new()?;
    let (mut reader, mut rows) = (Reader::new(), Vec::new());
    while let Some(bytes) = stream.next().await? {
        if let Err(fault) = reader.push(&bytes, &mut rows) {
            return Ok(Err(fault));
        }
        partitions.add(&rows)?;
        rows.clear();
    }
    if let Err(fault) = reader.finish(&mut rows) {
        return Ok(Err(fault));
    }
    partitions.add(&rows)?;
    let rows = partitions.finish()?;
    Ok(rows.map(|rows| Duplicates { rows, etag }))
}

struct Partitions {
    files: Vec<BufWriter<File>>,
    hasher: RandomState,
}

impl Partitions {
    fn new() -> Result<Self, Internal> {
        let file = |_| Ok::<_, std::io::Error>(BufWriter::with_capacity(4 * 1024, tempfile()?));
        Ok(Self {
            files: (0..PARTITIONS).map(file).collect::<Result<_, _>>()?,
            hasher: RandomState::new(),
        })
    }

    fn add(&mut self, rows: &[Row]) -> Result<(), Internal> {
        for row in rows {
            if let Some(id) = row.get(Column::ExternalId) {
                self.note(Twice::ExternalId, &fold(&id), row.line)?;
            }
            if let Some(email) = row.get(Column::Email) {
                self.note(Twice::Email, &fold_address(&email), row.line)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, twice: Twice, folded: &str, line: u64) -> Result<(), Internal> {
        // 64 bits under a key that nobody knows: two different values of a million meet once in 37 million files.
        let hash = self.hasher.hash_one((twice == Twice::Email, folded));
        let file = &mut self.files[(hash >> 58) as usize];
        file.write_all(&hash.to_le_bytes())?;
        file.write_all(&(line << 1 | u64::from(twice == Twice::Email)).to_le_bytes())?;
        Ok(())
    }

    fn finish(self) -> Result<Result<Vec<Duplicate>, FileError>, Internal> {
        let mut duplicates = Vec::new();
        for file in self.files {
            let mut file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            duplicates_of(BufReader::new(file), &mut duplicates)?;
            if duplicates.len() > MOST {
                return Ok(Err(FileError::TooManyDuplicates { most: MOST }));
            }
        }
        duplicates.sort_unstable_by_key(|duplicate| (duplicate.line, duplicate.twice));
        Ok(Ok(duplicates))
    }
}

/// Adds the duplicates of a partition, up to one too many.
fn duplicates_of(mut file: impl Read, duplicates: &mut Vec<Duplicate>) -> Result<(), Internal> {
    let mut firsts: HashMap<u64, u64> = HashMap::new();
    let mut record = [0; 16];
    while duplicates.len() <= MOST && read_record(&mut file, &mut record)? {
        let [hash, noted] = [0, 8].map(|at| {
            record[at..at + 8]
                .iter()
                .rev()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        });
        let (line, twice) = (
            noted >> 1,
            if noted & 1 == 1 {
                Twice::Email
            } else {
                Twice::ExternalId
            },
        );
        // Records of one hash stand in the order of the file, so the first one is the first line.
        let first = *firsts.entry(hash).or_insert(line);
        if first != line {
            duplicates.push(Duplicate { line, twice, first });
        }
    }
    Ok(())
}

fn read_record(file: &mut impl Read, record: &mut [u8; 16]) -> Result<bool, Internal> {
    match file.read_exact(record) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_row_with_the_same_value_is_found() {
        let mut reader = Reader::new();
        let mut rows = Vec::new();
        let file =
            "External ID,Email\nA,x@example.com\nB,\na ,y@example.com\nC,X@EXAMPLE.com\nA,\n";
        reader.push(file.as_bytes(), &mut rows).unwrap();
        reader.finish(&mut rows).unwrap();
        let mut partitions = Partitions::new().unwrap();
        partitions.add(&rows).unwrap();
        let found = partitions.finish().unwrap().unwrap();
        let external_id = Twice::ExternalId;
        assert_eq!(
            found,
            [
                Duplicate {
                    line: 4,
                    twice: external_id,
                    first: 2
                },
                Duplicate {
                    line: 5,
                    twice: Twice::Email,
                    first: 2
                },
                Duplicate {
                    line: 6,
                    twice: external_id,
                    first: 2
                },
            ]
        );
    }

    #[test]
    fn a_file_of_one_value_is_refused_before_its_duplicates_fill_the_memory() {
        let repeat = |lines: std::ops::Range<u64>| {
            let mut partitions = Partitions::new().unwrap();
            for line in lines {
                partitions.note(Twice::ExternalId, "a", line).unwrap();
            }
            partitions.finish().unwrap()
        };
        let most = MOST as u64;
        assert_eq!(repeat(0..most + 1).unwrap().len(), MOST);
        let refused = repeat(0..most + 2).unwrap_err();
        assert_eq!(refused.code(), "too_many_duplicates");
    }
}
