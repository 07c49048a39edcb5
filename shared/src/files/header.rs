//! The columns of an upload: which ones we know, by which names, and where they stand in a file.

use std::fmt;

use super::error::FileError;

/// How much of an unknown header an error message quotes, in characters.
const QUOTED: usize = 200;

/// A column that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The tenant's own name for the user; every file must have it.
    ExternalId,
    /// The e-mail address.
    Email,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The phone number.
    PhoneNumber,
    /// `person`, `vehicle` or `device`.
    Kind,
    /// The number on the payroll.
    EmployeeNumber,
    /// `owner`, `standard` or `limited`.
    Class,
    /// The names of roles.
    Roles,
    /// The names of groups.
    Groups,
    /// The names of products.
    Products,
    /// The name of an account.
    Account,
    /// The language of mails.
    Locale,
}

impl Column {
    /// How many there are.
    const COUNT: usize = Self::ALL.len();

    /// All of them, in the order in which they are declared.
    pub const ALL: [Self; 13] = [
        Self::ExternalId,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::PhoneNumber,
        Self::Kind,
        Self::EmployeeNumber,
        Self::Class,
        Self::Roles,
        Self::Groups,
        Self::Products,
        Self::Account,
        Self::Locale,
    ];

    /// The name as we write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExternalId => "External ID",
            Self::Email => "Email",
            Self::FirstName => "First Name",
            Self::LastName => "Last Name",
            Self::PhoneNumber => "Phone Number",
            Self::Kind => "Kind",
            Self::EmployeeNumber => "Employee Number",
            Self::Class => "Class",
            Self::Roles => "Roles",
            Self::Groups => "Groups",
            Self::Products => "Products",
            Self::Account => "Account",
            Self::Locale => "Locale",
        }
    }

    /// Whether its values are digits that a spreadsheet takes for a number and rounds.
    pub(super) const fn is_digits(self) -> bool {
        matches!(
            self,
            Self::ExternalId | Self::PhoneNumber | Self::EmployeeNumber
        )
    }

    /// The column a heading names, whatever its case, spaces, underscores and hyphens ("E-mail", `phone_number`).
    #[must_use]
    pub fn from_heading(heading: &str) -> Option<Self> {
        match fold(heading).as_str() {
            "phone" => Some(Self::PhoneNumber),
            folded => Self::ALL
                .into_iter()
                .find(|column| fold(column.name()) == folded),
        }
    }
}

/// What separates the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// The tabulator.
    Tab,
}

impl Delimiter {
    /// All of them, the most common first.
    pub const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The headings that a report puts in front; a mended report has them when it is uploaded again.
pub(super) const REPORT: [&str; 4] = ["Line", "Outcome", "Code", "Message"];

/// What a column of a file is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Known(Column),
    /// One of [`REPORT`].
    Ours,
    Unknown,
}

/// The header of an upload: its columns in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    headings: Vec<String>,
    roles: Vec<Role>,
    /// Where each known column stands, by its discriminant.
    places: [Option<usize>; Column::COUNT],
}

impl Header {
    /// Reads the headings of a file.
    ///
    /// # Errors
    /// [`FileError::MissingExternalId`], [`FileError::NoHeader`] or [`FileError::DuplicateColumn`].
    pub fn read(headings: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, FileError> {
        let headings: Vec<String> = headings.into_iter().map(Into::into).collect();
        let mut roles: Vec<Role> = headings.iter().map(|heading| Role::of(heading)).collect();
        // Any of the four alone is an ordinary column of somebody else's file.
        let is_report = REPORT
            .iter()
            .all(|ours| headings.iter().any(|heading| fold(heading) == fold(ours)));
        let mut places = [None; Column::COUNT];
        for (place, role) in roles.iter_mut().enumerate() {
            match role {
                Role::Known(column) => {
                    if places[*column as usize].replace(place).is_some() {
                        return Err(FileError::DuplicateColumn { column: *column });
                    }
                }
                Role::Ours if !is_report => *role = Role::Unknown,
                Role::Ours | Role::Unknown => {}
            }
        }
        let header = Self {
            headings,
            roles,
            places,
        };
        if header.place(Column::ExternalId).is_some() {
            Ok(header)
        } else {
            Err(header.without_external_id())
        }
    }

    /// The known columns the file has, in its order.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.roles.iter().filter_map(|role| match role {
            Role::Known(column) => Some(*column),
            Role::Ours | Role::Unknown => None,
        })
    }

    /// Whether the file has a column.
    #[must_use]
    pub fn has(&self, column: Column) -> bool {
        self.place(column).is_some()
    }

    /// The headings of the columns that an import ignores, because we do not know them.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        self.with_roles().filter_map(|(heading, role)| match role {
            Role::Known(_) | Role::Ours => None,
            Role::Unknown => Some(heading.trim()).filter(|heading| !heading.is_empty()),
        })
    }

    /// The headings as they stand in the file, without those of our own reports.
    pub fn originals(&self) -> impl Iterator<Item = &str> {
        self.with_roles()
            .filter(|(_, role)| *role != Role::Ours)
            .map(|(heading, _)| heading)
    }

    /// How many columns the file has, our own included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.headings.len()
    }

    /// Where a column stands.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// Whether the column at a place belongs to the file, and not to our report on it.
    pub(super) fn is_original(&self, place: usize) -> bool {
        self.roles.get(place) != Some(&Role::Ours)
    }

    fn with_roles(&self) -> impl Iterator<Item = (&str, Role)> {
        self.headings
            .iter()
            .map(String::as_str)
            .zip(self.roles.iter().copied())
    }

    /// What to say about a header that lacks the one column: is it a header at all?
    fn without_external_id(&self) -> FileError {
        let looks_like_data = |heading: &String| {
            heading.contains('@')
                || heading
                    .trim_start()
                    .starts_with(|c: char| c.is_ascii_digit() || c == '+')
        };
        if self.columns().next().is_none() && self.headings.iter().any(looks_like_data) {
            return FileError::NoHeader;
        }
        let mut found = self
            .headings
            .iter()
            .map(|heading| heading.trim())
            .collect::<Vec<_>>()
            .join(", ");
        if let Some((end, _)) = found.char_indices().nth(QUOTED) {
            found.truncate(end);
            found.push('…');
        }
        FileError::MissingExternalId { found }
    }
}

impl Role {
    fn of(heading: &str) -> Self {
        if let Some(column) = Column::from_heading(heading) {
            Self::Known(column)
        } else if REPORT.iter().any(|ours| fold(ours) == fold(heading)) {
            Self::Ours
        } else {
            Self::Unknown
        }
    }
}

/// Headings compare without case, spaces, underscores and hyphens.
fn fold(heading: &str) -> String {
    heading
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '\u{FEFF}'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_declared_in_the_order_of_all() {
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, place);
        }
    }

    #[test]
    fn headings_fold_case_spaces_underscores_and_hyphens() {
        for heading in [
            "External ID",
            "external_id",
            "EXTERNALID",
            " External-Id ",
            "\u{FEFF}External\u{A0}ID",
        ] {
            assert_eq!(
                Column::from_heading(heading),
                Some(Column::ExternalId),
                "{heading}"
            );
        }
        assert_eq!(Column::from_heading("E-mail"), Some(Column::Email));
        assert_eq!(Column::from_heading("Phone"), Some(Column::PhoneNumber));
        assert_eq!(Column::from_heading("ID"), None);
    }

    #[test]
    fn unknown_columns_are_told_as_ignored() {
        let header = Header::read(["Depot", "External ID", "Roles", "", "Email"]).unwrap();
        assert_eq!(header.ignored().collect::<Vec<_>>(), ["Depot"]);
        assert!(header.has(Column::Roles) && !header.has(Column::Groups));
        assert_eq!(
            header.columns().collect::<Vec<_>>(),
            [Column::ExternalId, Column::Roles, Column::Email]
        );
    }

    #[test]
    fn the_columns_of_a_report_are_skipped_wherever_they_stand() {
        let header =
            Header::read(["External ID", "line", "Outcome", "Code", "Message", "Depot"]).unwrap();
        assert_eq!(
            header.originals().collect::<Vec<_>>(),
            ["External ID", "Depot"]
        );
        assert_eq!(header.ignored().collect::<Vec<_>>(), ["Depot"]);
    }

    #[test]
    fn a_column_called_message_in_somebody_elses_file_is_not_ours() {
        let header = Header::read(["External ID", "Message", "Code"]).unwrap();
        assert_eq!(
            header.originals().collect::<Vec<_>>(),
            ["External ID", "Message", "Code"]
        );
        assert_eq!(header.ignored().collect::<Vec<_>>(), ["Message", "Code"]);
    }

    #[test]
    fn a_known_column_twice_is_refused_even_under_its_other_name() {
        let error = Header::read(["External ID", "Phone", "Phone Number"]).unwrap_err();
        assert_eq!(
            error,
            FileError::DuplicateColumn {
                column: Column::PhoneNumber
            }
        );
        assert!(Header::read(["External ID", "Depot", "Depot"]).is_ok());
    }

    #[test]
    fn a_header_without_external_id_is_told_from_no_header_at_all() {
        let error = Header::read(["Email", "Depot"]).unwrap_err();
        assert_eq!(
            error,
            FileError::MissingExternalId {
                found: "Email, Depot".to_owned()
            }
        );
        assert_eq!(
            Header::read(["4711", "ann@example.com"]).unwrap_err(),
            FileError::NoHeader
        );
    }
}
