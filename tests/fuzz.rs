//! The fuzz targets of `fuzz/`, run with seeded changes of tricky inputs. Each run is the same.

#[path = "../fuzz/targets.rs"]
mod targets;

/// How many inputs each target gets.
const INPUTS: usize = 2_000;

/// A small generator of numbers (xorshift), so that a failing input can be made again from its number.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap_or(0)
    }
}

/// Runs a target with changed inputs: pieces of `seeds` are put together, and `words` put in.
fn run(target: fn(&[u8]), seeds: &[&str], words: &[&str]) {
    for seed in seeds {
        target(seed.as_bytes());
    }
    let mut numbers = Numbers(0x5EED);
    for _ in 0..INPUTS {
        let mut input = seeds[numbers.below(seeds.len())].as_bytes().to_vec();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(input.len() + 1);
            match numbers.below(4) {
                0 => drop(input.splice(at..at, words[numbers.below(words.len())].bytes())),
                1 => input.truncate(at),
                2 => {
                    let other = seeds[numbers.below(seeds.len())].as_bytes();
                    input.extend_from_slice(&other[numbers.below(other.len())..]);
                }
                _ => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte = u8::try_from(numbers.below(256)).unwrap_or(b'x');
                    }
                }
            }
        }
        target(&input);
    }
}

#[test]
fn no_yaml_breaks_the_loader() {
    let seeds = [
        "services: {a: {image: x, ports: ['1-3:1-3', {target: 80}], volumes: [./a:/b, c:/d, 'e:/f:ro']}}\nvolumes: {e: }\n",
        "x-a: &a {A: 1, B: 2}\nservices:\n  a: &s\n    image: x\n    environment: {<<: *a, C: ${SET:-d}}\n  b: {<<: *s, command: !reset null}\n",
        "services:\n  a:\n    extends: {service: base, file: b.yaml}\n    ports: !override [81]\n    depends_on: [b]\n  b: {build: .}\n",
        "include: [b.yaml]\nservices: {a: {image: x, env_file: [{path: v, required: false}], healthcheck: {test: a b}}}\n",
        "name: n\n---\nservices: {a: {image: |\n x\n, deploy: {resources: {limits: {cpus: '0.5', memory: 1g}}}}}\n---\nservices: {a: {scale: 2}}\n",
        "services: {a: {image: x, networks: {n: {aliases: [b]}}, secrets: [s], ulimits: {n: 1}}}\nnetworks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}\nsecrets: {s: {environment: SET}}\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "\u{feff}services:\r\n  a:\r\n    image: \"\\x41\\u00e9\"\r\n    stop_grace_period: 1m30s\r\n",
    ];
    let words = [
        ": ",
        "- ",
        "\n",
        "\n  ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: ",
        "!reset ",
        "!override ",
        "${",
        "$$",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "# ",
        "\t",
        "0x",
        "1e3",
        "2024-01-01",
        "null",
        "services",
        "image",
        "x-",
        "---\n",
        "\u{2028}",
        "é",
        "%",
        "service:",
        "../",
        "1-65535:1-65535",
        "99999999999999999999",
    ];
    run(targets::project, &seeds, &words);
}

#[test]
fn no_template_breaks_interpolation() {
    let seeds = [
        "$SET ${SET} $$ ${NO:-a} ${NO-b}",
        "${NO:-${SET:+x}y}}",
        "${SET:?why ${NO}}",
        "{${SET}}${",
        "a\n${SET}\nb",
    ];
    let words =
        ["$", "${", "}", ":-", "-", ":+", "+", ":?", "?", "SET", "NONE", "NO", "{", "\n", "é", "$$", "1"];
    run(targets::interpolation, &seeds, &words);
}

#[test]
fn no_file_of_variables_breaks_dotenv() {
    let seeds = [
        "A=1\nB=${A}2\n",
        "export A='x\ny' # c\nB=\"a\\n$A\\0101\"\n",
        "A: b\nC\n# d\nE=f # g\r\n",
        "A=${B:-\"q\"}\n=\n",
        "\u{feff}A[0].x-y=1\n",
    ];
    let words = [
        "=", ":", "\n", "\"", "'", "\\", "$", "${", "}", " #", "#", "export ", " ", "\\0", "\u{a0}",
        "\u{85}", "A", "\r",
    ];
    run(targets::dotenv, &seeds, &words);
}
