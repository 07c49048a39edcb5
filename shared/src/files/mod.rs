//! Files in and out: uploads as rows, plans and reports, exports as spreadsheets, and the bucket they live in.

mod bucket;
mod encoding;
mod error;
mod foreign;
mod formula;
mod header;
mod plan;
mod reader;
mod records;
mod row;
mod sheet;
mod user_row;

pub use bucket::{Files, FilesError, Stream, Upload, UploadAddress};
pub use encoding::Encoding;
pub use error::FileError;
pub use foreign::Foreign;
pub use header::{Column, Delimiter, Header};
pub use plan::{Form, PlanError, PlanReader, PlanRow, PlanWriter, Verdict};
pub use reader::{Reader, Summary};
pub use row::{Damage, Row};
pub use sheet::{Cell, Heading, Sheet, SheetError};
pub use user_row::{RowFault, UserRow, kinds};
