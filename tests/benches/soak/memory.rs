//! How much memory the functions' processes have, as time goes on.

use std::collections::BTreeMap;
use std::io::{self, Write};

use muster_tests::bench::resident_memory;
use muster_tests::usage::children;

/// By function, what its largest process had at each look, in kilobytes.
#[derive(Default)]
pub struct Memory(BTreeMap<String, Vec<u32>>);

/// What may be laid on from the second quarter of the time to the last, when all is warm: pages that are touched late, and what
/// an allocator does not give back.
const SLACK: u32 = 2048;

impl Memory {
    /// Looks at all processes that this one has started.
    pub fn look(&mut self) {
        let mut largest: BTreeMap<String, u32> = BTreeMap::new();
        for (process, name) in children().unwrap() {
            if let Some(kilobytes) = resident_memory(&process.to_string()) {
                let most = largest.entry(name).or_default();
                *most = kilobytes.max(*most);
            }
        }
        for (name, kilobytes) in largest {
            self.0.entry(name).or_default().push(kilobytes);
        }
    }

    /// Whether no function has more in the end than when it was warm.
    pub fn is_flat(&self) -> bool {
        self.grown().next().is_none()
    }

    fn grown(&self) -> impl Iterator<Item = &str> {
        let grown = self.0.iter().filter(|(_, looks)| {
            let (warm, end) = quarters(looks);
            end > warm + SLACK
        });
        grown.map(|(name, _)| name.as_str())
    }

    /// Writes what each had when it was warm, in the end, and at most.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\n{:<20}{:>12}{:>12}{:>12}",
            "memory, MB", "2nd quarter", "last", "most"
        )?;
        for (name, looks) in &self.0 {
            let (warm, end) = quarters(looks);
            let most = looks.iter().max().copied().unwrap_or_default();
            let [warm, end, most] =
                [warm, end, most].map(|kilobytes| f64::from(kilobytes) / 1024.0);
            writeln!(out, "{name:<20}{warm:>12.1}{end:>12.1}{most:>12.1}")?;
        }
        for name in self.grown() {
            writeln!(out, "{name} has GROWN")?;
        }
        Ok(())
    }
}

/// The medians of the second and of the last quarter.
fn quarters(looks: &[u32]) -> (u32, u32) {
    let median = |looks: &[u32]| {
        let mut looks = looks.to_vec();
        looks.sort_unstable();
        looks.get(looks.len() / 2).copied().unwrap_or_default()
    };
    let quarter = looks.len() / 4;
    (
        median(looks.get(quarter..2 * quarter).unwrap_or_default()),
        median(looks.get(3 * quarter..).unwrap_or_default()),
    )
}
