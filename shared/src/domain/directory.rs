//! What a file may name, roles, groups, products and accounts, and what a row of it refers to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::account::Account;
use super::field::Fault;
use super::group::Group;
use super::id::{AccountId, GroupId, ProductId};
use super::permission::{BuiltIn, Role, RoleBook, unknown_role};
use super::tenant::Product;
use super::text::{Title, fold};

/// The most values of one cell.
pub const MOST_NAMED: usize = 40;

/// Which kinds of things a file refers to: only those need be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each kind is read or not, whatever the others are"
)]
pub struct Kinds {
    /// Roles that the tenant defined; also where classes or accounts change, because rights are judged as a whole.
    pub roles: bool,
    /// Fleets and tags.
    pub groups: bool,
    /// Products.
    pub products: bool,
    /// Customers' accounts.
    pub accounts: bool,
}

/// What a row refers to. What is empty is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct References {
    /// The roles that the user is to have, and no others.
    pub roles: BTreeSet<Role>,
    /// The fleets and tags that the user is to be in, and no others.
    pub groups: BTreeSet<GroupId>,
    /// The products that the user is to hold a licence of, among others.
    pub products: BTreeSet<ProductId>,
    /// The way to the account that the user is to belong to, from the client at the top.
    pub accounts: Vec<AccountId>,
}

/// As a plan keeps it, for [`References::parse`].
impl fmt::Display for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = self.roles.iter().map(ToString::to_string);
        let groups = self.groups.iter().map(ToString::to_string);
        let products = self.products.iter().map(ToString::to_string);
        let accounts = self.accounts.iter().map(ToString::to_string);
        let all = roles.chain(groups).chain(products).chain(accounts);
        for (place, id) in all.enumerate() {
            let between = if place > 0 { " " } else { "" };
            write!(f, "{between}{id}")?;
        }
        Ok(())
    }
}

impl References {
    /// Reads what a plan keeps; none if it is nothing of the kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut read = Self::default();
        for id in text.split_ascii_whitespace() {
            if let Ok(group) = GroupId::parse(id) {
                read.groups.insert(group);
            } else if let Ok(product) = ProductId::parse(id) {
                read.products.insert(product);
            } else if let Ok(account) = AccountId::parse(id) {
                read.accounts.push(account);
            } else {
                read.roles.insert(Role::parse(id).ok()?);
            }
        }
        Some(read)
    }

    /// The account that the user is to belong to.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.accounts.last()
    }
}

/// Things by folded name and by id; a name that several have leads to none of them.
#[derive(Debug, Clone)]
struct Names<T>(HashMap<String, Option<T>>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Unknown,
    Ambiguous,
}

impl<T: Clone> Names<T> {
    fn learn(&mut self, id: &str, name: &Title, value: T) {
        self.0.insert(id.to_owned(), Some(value.clone()));
        self.0
            .entry(name.folded())
            .and_modify(|known| *known = None)
            .or_insert(Some(value));
    }

    fn find(&self, text: &str) -> Result<T, Lost> {
        match self.0.get(&fold(text)) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(Lost::Ambiguous),
            None => Err(Lost::Unknown),
        }
    }
}

/// What a file may name: of each kind everything that the tenant has, read once.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The roles that the tenant defined.
    pub book: RoleBook,
    /// The products, with their seats.
    pub products: BTreeMap<ProductId, Product>,
    roles: Names<Role>,
    groups: Names<GroupId>,
    product_names: Names<ProductId>,
    accounts: Names<Vec<AccountId>>,
}

impl Directory {
    /// A directory of these roles and products.
    #[must_use]
    pub fn new(book: RoleBook, products: Vec<Product>) -> Self {
        let mut directory = Self::default();
        for role in book.definitions() {
            let value = Role::Defined(role.id.clone());
            (directory.roles).learn(role.id.as_str(), &role.name, value);
        }
        for product in &products {
            let names = &mut directory.product_names;
            names.learn(product.id.as_str(), &product.name, product.id.clone());
        }
        directory.book = book;
        directory.products = products
            .into_iter()
            .map(|product| (product.id.clone(), product))
            .collect();
        directory
    }

    /// Enters a fleet or tag.
    pub fn learn_group(&mut self, group: &Group) {
        (self.groups).learn(group.id.as_str(), &group.name, group.id.clone());
    }

    /// Enters an account.
    pub fn learn_account(&mut self, account: &Account) {
        (self.accounts).learn(account.id.as_str(), &account.name, account.path.clone());
    }

    /// The roles that a cell names.
    ///
    /// # Errors
    /// When one of them does not lead to a role.
    pub fn roles(&self, cell: &str) -> Result<BTreeSet<Role>, Fault> {
        let unknown = ("unknown_role", "which is no role");
        let several = several(cell, unknown, |name| self.role(name));
        several.map_err(|fault| {
            let lost = fault.code == "unknown_role" && self.book.definitions().next().is_none();
            // Where the company has defined none, the built-in ones can all be told.
            if lost {
                let message = format!("{}; it {}", fault.message, unknown_role());
                Fault::new("unknown_role", message)
            } else {
                fault
            }
        })
    }

    /// Built-in roles come first, "User Manager" as well as `user_manager`.
    fn role(&self, name: &str) -> Result<Role, Lost> {
        let built_in = fold(name).replace([' ', '-'], "_");
        let built_in = BuiltIn::ALL
            .into_iter()
            .find(|role| role.as_str() == built_in);
        built_in.map_or_else(|| self.roles.find(name), |role| Ok(Role::BuiltIn(role)))
    }

    /// The fleets and tags that a cell names.
    ///
    /// # Errors
    /// When one of them does not lead to a group.
    pub fn groups(&self, cell: &str) -> Result<BTreeSet<GroupId>, Fault> {
        let unknown = ("unknown_group", "which is no fleet or tag of the company");
        several(cell, unknown, |name| self.groups.find(name))
    }

    /// The products that a cell names.
    ///
    /// # Errors
    /// When one of them does not lead to a product.
    pub fn products(&self, cell: &str) -> Result<BTreeSet<ProductId>, Fault> {
        let unknown = ("product_not_found", "which the company has not bought");
        several(cell, unknown, |name| self.product_names.find(name))
    }

    /// The way to the account that a cell names.
    ///
    /// # Errors
    /// When it does not lead to one account.
    pub fn account(&self, cell: &str) -> Result<Vec<AccountId>, Fault> {
        let unknown = ("unknown_account", "which is no account of the company");
        self.accounts
            .find(cell)
            .map_err(|why| lost(unknown, cell, why))
    }
}

/// The seats that are left, as rows take them one after the other.
#[derive(Debug, Clone, Default)]
pub struct Seats(BTreeMap<ProductId, (Title, u32)>);

impl Seats {
    /// Those that the directory's products have left.
    #[must_use]
    pub fn of(directory: &Directory) -> Self {
        Self::left(directory.products.values())
    }

    /// Those that these products have left.
    pub fn left<'a>(products: impl IntoIterator<Item = &'a Product>) -> Self {
        let seats = |product: &Product| {
            let left = (product.name.clone(), product.remaining());
            (product.id.clone(), left)
        };
        Self(products.into_iter().map(seats).collect())
    }

    /// Takes a seat of each of these products, or none of any.
    ///
    /// # Errors
    /// When one of them has none left: its name.
    pub fn take(&mut self, products: &BTreeSet<ProductId>) -> Result<(), NoSeatLeft> {
        for id in products {
            match self.0.get(id) {
                Some((_, left)) if *left > 0 => {}
                found => return Err(NoSeatLeft(found.map(|(name, _)| name.clone()))),
            }
        }
        for id in products {
            if let Some((_, left)) = self.0.get_mut(id) {
                *left -= 1;
            }
        }
        Ok(())
    }
}

/// A product has no seat left; its name, if there still is such a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSeatLeft(pub Option<Title>);

/// How many separators a name may hold.
const WITHIN: usize = 8;

/// The values of a cell: separated by `;`, `|` or commas. A name may hold what separates names: the longest that leads to
/// something counts.
fn several<T: Ord>(
    cell: &str,
    unknown: (&'static str, &str),
    find: impl Fn(&str) -> Result<T, Lost>,
) -> Result<BTreeSet<T>, Fault> {
    let pieces: Vec<&str> = cell.split([';', '|', ',']).collect();
    let mut found = BTreeSet::new();
    let (mut first, mut start) = (0, 0);
    while first < pieces.len() {
        let most = (pieces.len() - first).min(WITHIN);
        let longest = (1..=most).rev().find_map(|count| {
            // The pieces and one separator between each two of them.
            let length = pieces[first..first + count]
                .iter()
                .map(|piece| piece.len() + 1)
                .sum::<usize>();
            let name = cell.get(start..start + length - 1)?.trim();
            match find(name) {
                _ if name.is_empty() => None,
                Err(Lost::Unknown) if count > 1 => None,
                result => Some((name, result, count, length)),
            }
        });
        if let Some((name, result, count, length)) = longest {
            found.insert(result.map_err(|why| lost(unknown, name, why))?);
            (first, start) = (first + count, start + length);
        } else {
            (first, start) = (first + 1, start + pieces[first].len() + 1);
        }
        if found.len() > MOST_NAMED {
            let message = format!("must name at most {MOST_NAMED}");
            return Err(Fault::new("out_of_range", message));
        }
    }
    Ok(found)
}

fn lost((code, which): (&'static str, &str), name: &str, why: Lost) -> Fault {
    let mut quoted: String = name.trim().chars().take(100).collect();
    if quoted.len() < name.trim().len() {
        quoted.push('…');
    }
    match why {
        Lost::Unknown => Fault::new(code, format!("names “{quoted}”, {which}")),
        Lost::Ambiguous => Fault::new(
            "ambiguous_name",
            format!("names “{quoted}”, and several are called so; write its id"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::group::GroupKind;
    use super::super::id::{RoleId, Seed};
    use super::super::permission::RoleDefinition;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn title(name: &str) -> Title {
        Title::parse(name).unwrap()
    }

    fn group(name: &str) -> Group {
        Group {
            id: GroupId::derive(&Seed::of(&[name])),
            kind: GroupKind::Fleet,
            name: title(name),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    fn directory(groups: &[&str]) -> Directory {
        let boss = RoleDefinition {
            id: RoleId::derive(&Seed::of(&["boss"])),
            name: title("Boss of Trucks"),
            permissions: BTreeSet::new(),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        };
        let mut directory = Directory::new(RoleBook::new(vec![boss]), Vec::new());
        for name in groups {
            directory.learn_group(&group(name));
        }
        directory
    }

    #[test]
    fn a_cell_holds_several_names_and_a_name_may_hold_what_separates_them() {
        let directory = directory(&["North", "South", "Hall 1, left", "A|B"]);
        let named = |names: &[&str]| {
            let ids = names.iter().map(|name| group(name).id);
            Ok(ids.collect::<BTreeSet<_>>())
        };
        for cell in [
            "North;South",
            " north | SOUTH |",
            "South,North",
            "North; ;South;North",
        ] {
            assert_eq!(directory.groups(cell), named(&["North", "South"]), "{cell}");
        }
        assert_eq!(directory.groups("hall 1, left"), named(&["Hall 1, left"]));
        assert_eq!(
            directory.groups("Hall 1, left; North, South"),
            named(&["Hall 1, left", "North", "South"])
        );
        assert_eq!(
            directory.groups("South,A|B;North"),
            named(&["South", "A|B", "North"])
        );
        assert_eq!(
            directory.groups(group("South").id.as_str()),
            named(&["South"])
        );
        assert_eq!(directory.groups(" ;|, "), named(&[]));
        let fault = directory.groups("North;Nrth").unwrap_err();
        assert_eq!(fault.code, "unknown_group");
        assert!(fault.message.contains("“Nrth”"), "{fault}");
        let many: Vec<String> = (0..=MOST_NAMED).map(|number| number.to_string()).collect();
        let all: Vec<&str> = many.iter().map(String::as_str).collect();
        let fault = self::directory(&all).groups(&many.join(";")).unwrap_err();
        assert_eq!(fault.code, "out_of_range");
    }

    #[test]
    fn roles_are_named_as_people_write_them() {
        let directory = directory(&[]);
        let user_manager = Role::BuiltIn(BuiltIn::UserManager);
        for cell in ["User Manager", "user_manager", " USER-MANAGER "] {
            assert_eq!(
                directory.roles(cell),
                Ok([user_manager.clone()].into()),
                "{cell}"
            );
        }
        let boss = Role::Defined(RoleId::derive(&Seed::of(&["boss"])));
        for cell in ["boss of trucks".to_owned(), boss.to_string()] {
            assert_eq!(directory.roles(&cell), Ok([boss.clone()].into()), "{cell}");
        }
        let both = directory.roles("Boss of Trucks, driver").unwrap();
        assert_eq!(both, [Role::BuiltIn(BuiltIn::Driver), boss].into());
        assert_eq!(directory.roles("king").unwrap_err().code, "unknown_role");
    }

    #[test]
    fn a_name_that_several_accounts_have_is_refused_and_an_id_is_not() {
        let account = |label: &str, name: &str| {
            let id = AccountId::derive(&Seed::of(&[label]));
            (id.clone(), name.to_owned(), vec![id])
        };
        let mut directory = directory(&[]);
        let all = [
            account("1", "Acme"),
            account("2", "Acme"),
            account("3", "Rival"),
        ];
        for (id, name, path) in &all {
            directory
                .accounts
                .learn(id.as_str(), &title(name), path.clone());
        }
        assert_eq!(directory.account("RIVAL"), Ok(all[2].2.clone()));
        assert_eq!(directory.account(all[1].0.as_str()), Ok(all[1].2.clone()));
        assert_eq!(
            directory.account("acme").unwrap_err().code,
            "ambiguous_name"
        );
        assert_eq!(
            directory.account("Acme;Rival").unwrap_err().code,
            "unknown_account"
        );
    }

    #[test]
    fn a_row_takes_all_of_its_seats_or_none() {
        let product = |name: &str, seats| Product {
            id: ProductId::derive(&Seed::of(&[name])),
            name: title(name),
            seats,
            used: 1,
            links: Vec::new(),
        };
        let (maps, miles) = (product("Maps", 3), product("Miles", 2));
        let mut seats = Seats::left([&maps, &miles]);
        let both = BTreeSet::from([maps.id.clone(), miles.id.clone()]);
        assert_eq!(seats.take(&both), Ok(()));
        assert_eq!(seats.take(&both), Err(NoSeatLeft(Some(title("Miles")))));
        assert_eq!(seats.take(&BTreeSet::from([maps.id])), Ok(()));
        let gone = BTreeSet::from([ProductId::derive(&Seed::of(&["gone"]))]);
        assert_eq!(seats.take(&gone), Err(NoSeatLeft(None)));
        assert_eq!(seats.take(&BTreeSet::new()), Ok(()));
    }

    #[test]
    fn what_a_row_refers_to_is_read_as_it_is_written() {
        let references = References {
            roles: [
                Role::BuiltIn(BuiltIn::Driver),
                Role::Defined(RoleId::derive(&Seed::of(&["r"]))),
            ]
            .into(),
            groups: ["a", "b"].map(|name| group(name).id).into(),
            products: [ProductId::derive(&Seed::of(&["p"]))].into(),
            accounts: ["z", "a"]
                .map(|name| AccountId::derive(&Seed::of(&[name])))
                .into(),
        };
        let written = references.to_string();
        assert_eq!(References::parse(&written), Some(references));
        assert_eq!(References::parse(""), Some(References::default()));
        assert_eq!(References::parse("nonsense"), None);
    }
}
