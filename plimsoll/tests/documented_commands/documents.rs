//! Shell commands in the code blocks of the Markdown documents.

use std::path::{Path, PathBuf};

use crate::shell_command::{ShellCommand, joined};

/// Returns the root directory of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("..").canonicalize().unwrap()
}

/// Code block of a Markdown document, with the language that the block declares.
struct Block {
    document: String,
    language: String,
    text: String,
}

impl Block {
    /// Returns the lines that a user types, without the prompt `$ `: those with a prompt, or all
    /// lines if none has a prompt. Empty for languages other than shell and console.
    fn typed(&self) -> Vec<String> {
        if !["sh", "console", ""].contains(&&*self.language) {
            return Vec::new();
        }
        let text = joined(&self.text);
        let prompted: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("$ ").map(str::to_owned))
            .collect();
        if prompted.is_empty() && self.language != "console" {
            return text.lines().map(str::to_owned).collect();
        }
        prompted
    }
}

/// Returns the commands of all documents that run one of the programs, document by document.
pub(crate) fn commands() -> Vec<ShellCommand> {
    let read = |block: &Block| -> Vec<ShellCommand> {
        let lines = block.typed();
        let lines = lines.iter();
        lines
            .filter_map(|line| ShellCommand::read(&block.document, line))
            .collect()
    };
    blocks().iter().flat_map(read).collect()
}

/// Returns the arguments of the `make` commands in the documents, each after the path of its
/// document.
pub(crate) fn make_targets() -> Vec<(String, String)> {
    let mut targets = Vec::new();
    for block in blocks() {
        for line in block.typed() {
            if let Some(words) = line.strip_prefix("make ") {
                let words = words.split('#').next().unwrap_or_default();
                targets.push((block.document.clone(), words.trim().to_owned()));
            }
        }
    }
    targets
}

fn blocks() -> Vec<Block> {
    let root = root();
    let mut documents = vec![
        root.join("README.md"),
        root.join("CONTRIBUTING.md"),
        root.join("examples/pgbench/README.md"),
    ];
    let pages = std::fs::read_dir(root.join("docs")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().path());
    documents.extend(pages.filter(|path| path.extension().is_some_and(|e| e == "md")));
    documents.sort();
    let mut blocks = Vec::new();
    for document in documents {
        let name = document.strip_prefix(&root).unwrap().display().to_string();
        read_blocks(
            &name,
            &std::fs::read_to_string(&document).unwrap(),
            &mut blocks,
        );
    }
    blocks
}

fn read_blocks(document: &str, text: &str, blocks: &mut Vec<Block>) {
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    document: document.to_owned(),
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
}
