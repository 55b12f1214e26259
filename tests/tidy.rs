//! Conventions that the compiler does not hold: which module may use which, where `unsafe` stands,
//! how long a file may be, what must be listed where.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nsgaudit::audit::checks::CHECKS;

/// The modules, lowest first, and what each may use. `docs/architecture.md` has the same table.
///
/// A new arrow is a line here, to be looked at in review.
const MODULES: [(&str, &[&str]); 21] = [
    ("net", &[]),
    ("error", &[]),
    ("fault", &[]),
    ("simd", &["net", "flowlog"]),
    ("flowlog", &["net", "fault", "simd"]),
    ("capture", &["net", "fault", "flowlog"]),
    ("input", &["net", "error", "fault"]),
    ("catalogue", &["net", "error"]),
    ("environment", &["net", "error", "catalogue", "tally"]),
    ("classify", &["net", "catalogue", "environment"]),
    ("policy", &["net", "catalogue", "environment", "classify"]),
    ("tally", &["net", "fault", "simd", "flowlog", "classify"]),
    (
        "audit",
        &[
            "net",
            "fault",
            "flowlog",
            "catalogue",
            "environment",
            "classify",
            "policy",
            "tally",
        ],
    ),
    (
        "fix",
        &["net", "catalogue", "environment", "policy", "audit"],
    ),
    ("compare", &["net", "audit"]),
    ("manifest", &[]),
    ("diagnose", &["net", "audit"]),
    (
        "report",
        &[
            "net",
            "flowlog",
            "capture",
            "environment",
            "policy",
            "audit",
            "fix",
            "diagnose",
            "compare",
            "manifest",
        ],
    ),
    (
        "pipeline",
        &[
            "error", "fault", "simd", "flowlog", "capture", "input", "tally",
        ],
    ),
    ("config", &["net", "error", "catalogue", "environment"]),
    (
        "cli",
        &[
            "net",
            "error",
            "fault",
            "simd",
            "flowlog",
            "capture",
            "input",
            "catalogue",
            "environment",
            "classify",
            "policy",
            "tally",
            "audit",
            "fix",
            "compare",
            "manifest",
            "diagnose",
            "report",
            "pipeline",
            "config",
        ],
    ),
];

/// Arrows that point up the list, for data types only: each closes a ring of modules. None may be
/// added.
const UPWARD: [(&str, &str); 2] = [("simd", "flowlog"), ("environment", "tally")];

/// Names that `lib.rs` exports again, and the module that they are of.
const EXPORTED_AGAIN: [(&str, &str); 2] = [("Error", "error"), ("Result", "error")];

/// Longest source file, in lines.
const LONGEST: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder whose names end so, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The library's top-level module that a source file belongs to; none for `lib.rs` and the program's files.
fn module(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).unwrap();
    let first = below.iter().next().unwrap().to_str().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main" | "heap")).then(|| name.to_owned())
}

/// A file's code: without comments, and without its unit tests, which may use what they like.
fn code(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name == "tests.rs" || name.ends_with("_tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let code = text
        .split_once("\n#[cfg(test)]\nmod tests {")
        .map_or(text.as_str(), |(code, _)| code);
    code.lines()
        .map(|line| {
            let comment = line.trim_start().starts_with("//");
            let line = if comment { "" } else { line };
            line.split(" // ").next().unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules that `crate::` leads to in a piece of code.
fn used(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|&letter| letter.is_alphanumeric() || letter == '_')
            .collect()
    };
    let mut names = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => {
                names.insert(word(after));
            }
            Some(list) => names.extend(heads(list).map(word)),
        }
    }
    names
        .into_iter()
        .map(|name| {
            EXPORTED_AGAIN
                .iter()
                .find(|(exported, _)| *exported == name)
                .map_or(name, |(_, module)| (*module).to_owned())
        })
        .collect()
}

/// The first words of the parts of a `{…}` list, whose own braces may be nested.
fn heads(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let mut starts = vec![0];
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    starts.into_iter().map(|start| list[start..].trim_start())
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), ".rs") {
        let Some(module) = module(&path) else {
            continue;
        };
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("module {module} is not in the table"));
            continue;
        };
        for name in used(&code(&path)) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: {module} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn arrows_point_down_the_list() {
    let place = |wanted: &str| MODULES.iter().position(|(name, _)| *name == wanted);
    let mut upward = Vec::new();
    for (from, (module, allowed)) in MODULES.iter().enumerate() {
        for used in *allowed {
            let to = place(used).unwrap_or_else(|| panic!("{module} may use {used}: no module"));
            if to >= from {
                upward.push((*module, *used));
            }
        }
    }
    assert_eq!(upward, UPWARD);
}

#[test]
fn nested_lists_of_imports_are_read() {
    let names = used("use crate::{audit::{self, checks::X}, net::Mac, Result};\ncrate::fault::f()");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(names, ["audit", "error", "fault", "net"]);
}

#[test]
fn unsafe_stands_in_simd_and_one_call_to_the_allocator() {
    for path in files(&root().join("src"), ".rs") {
        let heap = path.ends_with("src/heap.rs");
        if heap || module(&path).as_deref() == Some("simd") {
            continue;
        }
        let code = code(&path);
        for what in ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"] {
            assert!(!code.contains(what), "{}: {what}", path.display());
        }
    }
}

#[test]
fn files_are_short_and_finished() {
    for path in files(&root().join("src"), ".rs") {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= LONGEST,
            "{}: {lines} lines, at most {LONGEST}",
            path.display()
        );
        let code = code(&path);
        for what in ["todo!(", "dbg!(", "unimplemented!("] {
            assert!(!code.contains(what), "{}: {what}…)", path.display());
        }
    }
}

#[test]
fn each_check_is_documented() {
    let page = fs::read_to_string(root().join("docs/checks.md")).unwrap();
    for check in CHECKS {
        let head = format!("\n## {}: {}\n", check.code, check.name);
        assert!(page.contains(&head), "docs/checks.md lacks {}", head.trim());
    }
}

#[test]
fn each_page_is_in_the_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for path in files(&root().join("docs"), ".md") {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            name == "README.md" || index.contains(&format!("({name})")),
            "docs/README.md lacks {name}"
        );
    }
}

#[test]
fn each_folder_of_test_data_tells_its_origin() {
    let folder = root().join("testdata");
    let Ok(readme) = fs::read_to_string(folder.join("README.md")) else {
        return;
    };
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            !path.is_dir() || readme.contains(name),
            "testdata/README.md lacks {name}/"
        );
    }
}
