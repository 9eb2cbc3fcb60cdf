//! What a Dockerfile asks for that the Engine's own builder does not have, and which images it begins from.
//!
//! It is read line by line, as far as that tells: the engine reads it for real.

use std::collections::BTreeSet;

/// The flags that the Engine's own builder knows, by instruction. Instructions that are not here are not looked at.
const FLAGS: [(&str, &[&str]); 4] =
    [("FROM", &["platform"]), ("RUN", &[]), ("COPY", &["from", "chown"]), ("ADD", &["chown"])];

/// The arguments that BuildKit sets by itself.
const PLATFORM_ARGS: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

/// What a Dockerfile says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dockerfile {
    /// The images of `FROM` and `COPY --from` that are no stages of its own, as written.
    pub(super) bases: BTreeSet<String>,
    /// What the builder does not have or do, in the order of the lines.
    pub(super) findings: Vec<Finding>,
}

/// Something that only BuildKit has, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) what: What,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An instruction's flag, such as `RUN --mount`.
    Flag(String),
    /// The instruction whose text follows on lines of its own.
    Heredoc(String),
    /// `# syntax=`, with its value: another frontend than the builder's own.
    Syntax(String),
    /// An `ARG` that only BuildKit gives a value.
    PlatformArg(String),
}

/// A word of an instruction and where it stands.
struct Word<'a> {
    text: &'a str,
    line: usize,
    column: usize,
}

impl Dockerfile {
    /// Looks through the text.
    pub(super) fn read(text: &str) -> Self {
        let mut read = Self::default();
        let mut stages = BTreeSet::new();
        let escape = read.directives(text);
        for words in instructions(text, escape) {
            let Some((instruction, words)) = words.split_first() else { continue };
            let instruction = instruction.text.to_ascii_uppercase();
            let is_flag = |word: &&Word<'_>| word.text.starts_with("--");
            let flags: Vec<&Word<'_>> = words.iter().take_while(is_flag).collect();
            let rest = &words[flags.len()..];
            read.flags(&instruction, &flags);
            if let Some(word) = rest.iter().find(|word| starts_heredoc(word.text))
                && matches!(instruction.as_str(), "RUN" | "COPY" | "ADD")
            {
                read.add(What::Heredoc(instruction.clone()), word);
            }
            let from = flags.iter().find_map(|flag| flag.text.strip_prefix("--from="));
            match (instruction.as_str(), rest) {
                ("FROM", [image, more @ ..]) => {
                    read.base(image.text, &stages);
                    if let [word, name] = more
                        && word.text.eq_ignore_ascii_case("as")
                    {
                        stages.insert(name.text.to_ascii_lowercase());
                    }
                }
                ("COPY", _) => from.into_iter().for_each(|image| read.base(image, &stages)),
                ("ARG", args) => {
                    for arg in args.iter().filter(|arg| PLATFORM_ARGS.contains(&arg.text)) {
                        read.add(What::PlatformArg(arg.text.to_owned()), arg);
                    }
                }
                _ => {}
            }
        }
        read
    }

    /// Reads the comments at the top that are none. Returns the character that joins lines.
    fn directives(&mut self, text: &str) -> char {
        let mut escape = '\\';
        for (line, written) in (1..).zip(text.lines()) {
            let directive = written.trim().strip_prefix('#').and_then(|comment| comment.split_once('='));
            let Some((name, value)) = directive else { break };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name.is_empty() || name.contains(char::is_whitespace) {
                break;
            }
            match name.as_str() {
                "escape" => escape = value.chars().next().unwrap_or(escape),
                "syntax" => self.add(What::Syntax(value.to_owned()), &Word { text: value, line, column: 1 }),
                _ => {}
            }
        }
        escape
    }

    fn flags(&mut self, instruction: &str, flags: &[&Word<'_>]) {
        let Some((_, known)) = FLAGS.iter().find(|(name, _)| *name == instruction) else { return };
        for flag in flags {
            let name = flag.text.trim_start_matches('-').split('=').next().unwrap_or_default();
            if !known.contains(&name) {
                self.add(What::Flag(format!("{instruction} --{name}")), flag);
            }
        }
    }

    /// A name with a variable in it is known to the builder alone, and a number is a stage's.
    fn base(&mut self, image: &str, stages: &BTreeSet<String>) {
        let is_stage = stages.contains(&image.to_ascii_lowercase()) || image.parse::<u32>().is_ok();
        if !is_stage && !image.contains('$') && image != "scratch" {
            self.bases.insert(image.to_owned());
        }
    }

    fn add(&mut self, what: What, word: &Word<'_>) {
        self.findings.push(Finding { what, line: word.line, column: word.column });
    }
}

/// Splits the text into instructions, and each into its words. Comments are left out, also between joined lines.
fn instructions(text: &str, escape: char) -> Vec<Vec<Word<'_>>> {
    let mut all = Vec::new();
    let mut words = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let trimmed = written.trim();
        if trimmed.starts_with('#') || (trimmed.is_empty() && !words.is_empty()) {
            continue;
        }
        let (content, goes_on) = match trimmed.strip_suffix(escape) {
            Some(content) => (content, true),
            None => (trimmed, false),
        };
        let indent = written.len() - written.trim_start().len();
        let mut at = 0;
        for text in content.split_whitespace() {
            let start = at + content[at..].find(text).unwrap_or(0);
            at = start + text.len();
            words.push(Word { text, line, column: indent + content[..start].chars().count() + 1 });
        }
        if !goes_on {
            all.push(std::mem::take(&mut words));
        }
    }
    all.push(words);
    all
}

/// Returns true for `<<EOF`, `<<-"EOF"` and `3<<EOF`, and not for a shell's `<<<` or `1<<2`.
fn starts_heredoc(word: &str) -> bool {
    let Some(name) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else {
        return false;
    };
    let name = name.strip_prefix('-').unwrap_or(name).trim_start_matches(['"', '\'']);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let findings = Dockerfile::read(text).findings;
        findings.iter().map(|f| format!("{}:{} {:?}", f.line, f.column, f.what)).collect()
    }

    #[test]
    fn what_only_buildkit_has_is_found_where_it_stands() {
        let text = "# syntax=docker/dockerfile:1\n# check=skip=all\n\nFROM busybox AS build\n\
                    ARG TARGETARCH other=1\n\
                    run \\\n  # a comment\n  --mount=type=cache,target=/x --network=none make\n\
                    COPY --link --chown=1 --from=build a b\nADD --checksum=sha256:1 x y\n\
                    RUN <<EOF\necho\nEOF\nCOPY <<-\"X\" /x\nX\n";
        insta::assert_snapshot!(found(text).join("\n"), @r#"
        1:1 Syntax("docker/dockerfile:1")
        5:5 PlatformArg("TARGETARCH")
        8:3 Flag("RUN --mount")
        8:32 Flag("RUN --network")
        9:6 Flag("COPY --link")
        10:5 Flag("ADD --checksum")
        11:5 Heredoc("RUN")
        14:6 Heredoc("COPY")
        "#);
    }

    #[test]
    fn what_the_engines_own_builder_has_is_not_found() {
        let text = "# escape=`\n# a comment = no directive\n# syntax=x\nARG V=1\nFROM --platform=linux/amd64 busybox:$V\n\
                    COPY --chown=1:1 --from=0 a b\nRUN echo $((1<<2)) <<<x; cat --mount `\n  --mount\n\
                    HEALTHCHECK --interval=1s CMD true\nENV A=<<EOF\nSHELL [\"/bin/sh\"]\nENTRYPOINT x \\\nARG X\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn bases_are_images_and_no_stages() {
        let text = "FROM golang:1 AS Build\nFROM build as next\nFROM scratch\nCOPY --from=build / /\nCOPY --from=2 / /\n\
                    COPY --from=nginx:1 / /\nFROM $BASE\n";
        let bases = Dockerfile::read(text).bases;
        assert_eq!(bases.into_iter().collect::<Vec<_>>(), ["golang:1", "nginx:1"]);
    }
}
