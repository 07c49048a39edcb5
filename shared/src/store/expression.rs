//! Conditions and updates, built part by part with every name aliased, so that no reserved word can get in.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;

/// The names and values that an expression refers to.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Names {
    /// An alias for a path such as `invited.state`.
    fn path(&mut self, path: &str) -> String {
        let parts: Vec<String> = path
            .split('.')
            .map(|part| {
                let index = self
                    .names
                    .iter()
                    .position(|name| name == part)
                    .unwrap_or_else(|| {
                        self.names.push(part.to_owned());
                        self.names.len() - 1
                    });
                format!("#n{index}")
            })
            .collect();
        parts.join(".")
    }

    fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len() - 1)
    }

    /// The names, as the table takes them.
    pub(super) fn names(&self) -> Option<std::collections::HashMap<String, String>> {
        (!self.names.is_empty()).then(|| {
            self.names
                .iter()
                .enumerate()
                .map(|(index, name)| (format!("#n{index}"), name.clone()))
                .collect()
        })
    }

    /// The values, as the table takes them.
    pub(super) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| {
            self.values
                .iter()
                .enumerate()
                .map(|(index, value)| (format!(":v{index}"), value.clone()))
                .collect()
        })
    }
}

/// What must hold of the item for a change to be made; all clauses must.
#[derive(Debug, Clone, Default)]
pub struct Condition(Vec<Clause>);

#[derive(Debug, Clone)]
enum Clause {
    Has(String),
    Lacks(String),
    Compare(String, &'static str, AttributeValue),
    LacksOr(String, &'static str, AttributeValue),
}

impl Condition {
    /// The item is there.
    #[must_use]
    pub fn exists() -> Self {
        Self(vec![Clause::Has(super::keys::PK.to_owned())])
    }

    /// The item is not there.
    #[must_use]
    pub fn absent() -> Self {
        Self(vec![Clause::Lacks(super::keys::PK.to_owned())])
    }

    /// And the attribute is there.
    #[must_use]
    pub fn has(mut self, path: &str) -> Self {
        self.0.push(Clause::Has(path.to_owned()));
        self
    }

    /// And the attribute is not there.
    #[must_use]
    pub fn lacks(mut self, path: &str) -> Self {
        self.0.push(Clause::Lacks(path.to_owned()));
        self
    }

    /// And the attribute equals the value.
    #[must_use]
    pub fn equals(self, path: &str, value: AttributeValue) -> Self {
        self.compare(path, "=", value)
    }

    /// And the attribute is at most the value.
    #[must_use]
    pub fn at_most(self, path: &str, value: AttributeValue) -> Self {
        self.compare(path, "<=", value)
    }

    /// And the attribute is greater than the value.
    #[must_use]
    pub fn greater(self, path: &str, value: AttributeValue) -> Self {
        self.compare(path, ">", value)
    }

    /// And the attribute is not there or at most the value.
    #[must_use]
    pub fn lacks_or_at_most(mut self, path: &str, value: AttributeValue) -> Self {
        self.0.push(Clause::LacksOr(path.to_owned(), "<=", value));
        self
    }

    /// And the attribute is not there or greater than the value.
    #[must_use]
    pub fn lacks_or_greater(mut self, path: &str, value: AttributeValue) -> Self {
        self.0.push(Clause::LacksOr(path.to_owned(), ">", value));
        self
    }

    fn compare(mut self, path: &str, operator: &'static str, value: AttributeValue) -> Self {
        self.0
            .push(Clause::Compare(path.to_owned(), operator, value));
        self
    }

    pub(super) fn build(self, names: &mut Names) -> String {
        let clauses: Vec<String> = self
            .0
            .into_iter()
            .map(|clause| match clause {
                Clause::Has(path) => format!("attribute_exists({})", names.path(&path)),
                Clause::Lacks(path) => format!("attribute_not_exists({})", names.path(&path)),
                Clause::Compare(path, operator, value) => {
                    let path = names.path(&path);
                    format!("{path} {operator} {}", names.value(value))
                }
                Clause::LacksOr(path, operator, value) => {
                    let path = names.path(&path);
                    format!(
                        "(attribute_not_exists({path}) OR {path} {operator} {})",
                        names.value(value)
                    )
                }
            })
            .collect();
        clauses.join(" AND ")
    }
}

/// What to change of an item.
#[derive(Debug, Clone, Default)]
pub struct Change {
    set: Vec<(String, AttributeValue)>,
    add: Vec<(String, AttributeValue)>,
    count: Vec<(String, AttributeValue)>,
    remove: Vec<String>,
}

impl Change {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an attribute.
    #[must_use]
    pub fn set(mut self, path: &str, value: AttributeValue) -> Self {
        self.set.push((path.to_owned(), value));
        self
    }

    /// Adds to a number that is there.
    #[must_use]
    pub fn add(mut self, path: &str, by: i64) -> Self {
        self.add
            .push((path.to_owned(), AttributeValue::N(by.to_string())));
        self
    }

    /// Adds to a number that counts from zero where it is not there.
    #[must_use]
    pub fn count(mut self, path: &str, by: i64) -> Self {
        self.count
            .push((path.to_owned(), AttributeValue::N(by.to_string())));
        self
    }

    /// Removes an attribute.
    #[must_use]
    pub fn remove(mut self, path: &str) -> Self {
        self.remove.push(path.to_owned());
        self
    }

    /// The change that makes `after` of `before`; keys are equal by construction.
    #[must_use]
    pub fn between(before: &Item, after: &Item) -> Self {
        let mut change = Self::new();
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            match (before.get(name), after.get(name)) {
                (old, Some(new)) if old != Some(new) => {
                    change.set.push((name.clone(), new.clone()));
                }
                (Some(_), None) => change.remove.push(name.clone()),
                _ => {}
            }
        }
        change
    }

    pub(super) fn build(self, names: &mut Names) -> String {
        let mut parts = Vec::new();
        let mut part = |keyword: &str, terms: Vec<String>| {
            if !terms.is_empty() {
                parts.push(format!("{keyword} {}", terms.join(", ")));
            }
        };
        let pairs = |pairs: Vec<(String, AttributeValue)>, names: &mut Names| {
            let terms = pairs.into_iter().map(|(path, value)| {
                let path = names.path(&path);
                format!("{path} = {}", names.value(value))
            });
            terms.collect::<Vec<_>>()
        };
        let mut set = pairs(self.set, names);
        // Not ADD: DynamoDB takes that for top-level attributes only.
        set.extend(self.add.into_iter().map(|(path, by)| {
            let path = names.path(&path);
            format!("{path} = {path} + {}", names.value(by))
        }));
        set.extend(self.count.into_iter().map(|(path, by)| {
            let path = names.path(&path);
            let zero = names.value(AttributeValue::N("0".to_owned()));
            format!(
                "{path} = if_not_exists({path}, {zero}) + {}",
                names.value(by)
            )
        }));
        part("SET", set);
        part(
            "REMOVE",
            self.remove.iter().map(|path| names.path(path)).collect(),
        );
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(number: u8) -> AttributeValue {
        AttributeValue::N(number.to_string())
    }

    #[test]
    fn expressions_alias_every_name() {
        let mut names = Names::default();
        let change = Change::new()
            .set("state", n(1))
            .add("used", -1)
            .remove("ttl")
            .build(&mut names);
        let condition = Condition::exists()
            .equals("invited.state", n(2))
            .lacks("ttl")
            .build(&mut names);
        assert_eq!(change, "SET #n0 = :v0, #n1 = #n1 + :v1 REMOVE #n2");
        assert_eq!(
            condition,
            "attribute_exists(#n3) AND #n4.#n0 = :v2 AND attribute_not_exists(#n2)"
        );
        assert_eq!(names.names().unwrap().len(), 5);
        assert_eq!(names.values().unwrap().len(), 3);
    }

    #[test]
    fn the_change_between_two_items_touches_only_what_differs() {
        let before = Item::from([
            ("a".to_owned(), n(1)),
            ("b".to_owned(), n(2)),
            ("c".to_owned(), n(3)),
        ]);
        let after = Item::from([
            ("a".to_owned(), n(1)),
            ("b".to_owned(), n(9)),
            ("d".to_owned(), n(4)),
        ]);
        let mut names = Names::default();
        assert_eq!(
            Change::between(&before, &after).build(&mut names),
            "SET #n0 = :v0, #n1 = :v1 REMOVE #n2"
        );
        assert_eq!(names.names().unwrap()["#n0"], "b");
    }
}
