//! Each module uses only what stands to its left: `domain → config, clock, metrics → store | mail | files → context → error →
//! http → auth → lambda`; and no function uses another.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::fs;
use std::path::{Path, PathBuf};

/// From left to right; modules of one layer do not see each other.
const LAYERS: [&[&str]; 8] = [
    &["domain"],
    &["config", "clock", "metrics"],
    &["store", "mail", "files"],
    &["context"],
    &["error"],
    &["http"],
    &["auth"],
    &["lambda"],
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| {
        if path.is_dir() {
            sources(&path)
        } else {
            vec![path]
        }
    });
    nested
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn a_module_uses_only_what_stands_to_its_left() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut looked_at = 0;
    for path in sources(&root) {
        let first = path
            .strip_prefix(&root)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let module = first
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let Some(own) = layer(&module) else {
            assert_eq!(module, "lib", "{} stands in no layer", path.display());
            continue;
        };
        for used in fs::read_to_string(&path).unwrap().split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let allowed = used == module || layer(&used).is_none_or(|layer| layer < own);
            assert!(
                allowed,
                "{} uses {used}, which does not stand to the left of {module}",
                path.display()
            );
            looked_at += 1;
        }
    }
    assert!(
        looked_at > 100,
        "only {looked_at} uses were found: the test looks past the code"
    );
}

#[test]
fn no_function_uses_another() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    for manifest in fs::read_dir(functions)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("Cargo.toml"))
    {
        let text = fs::read_to_string(&manifest).unwrap();
        let others = text.lines().filter(|line| line.contains("path ="));
        assert_eq!(
            others.collect::<Vec<_>>(),
            Vec::<&str>::new(),
            "{}",
            manifest.display()
        );
    }
}

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let functions = fs::read_dir(root.join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for member in
        functions.chain(["shared", "infra/local", "tests"].map(|member| root.join(member)))
    {
        let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
        let code: String = sources(&member)
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        let names = manifest
            .lines()
            .skip_while(|line| !line.contains("dependencies]"));
        let names = names
            .filter(|line| line.contains("workspace = true") || line.contains("path ="))
            .filter_map(|line| line.split(['.', ' ']).next());
        for name in names {
            let used = code.contains(&format!(
                "{}::",
                name.trim_end_matches("-rs").replace('-', "_")
            ));
            assert!(used, "{} does not use {name}", member.display());
        }
    }
}
