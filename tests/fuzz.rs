//! The fuzz targets of `fuzz/`, run with seeded changes of tricky inputs, and with large inputs: no panic, no more than
//! linear memory, no more than linear time. Each run is the same.

#[path = "fuzz/memory.rs"]
mod memory;
#[expect(unreachable_pub, reason = "the same file is the library of the fuzz targets")]
#[path = "../fuzz/targets.rs"]
mod targets;

use std::time::Duration;

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
        bounded(target, seed.as_bytes());
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
        bounded(target, &input);
    }
}

/// What an input may take whatever its length: a range of ports or an alias stands for much.
const MEMORY_OF_ANY: usize = 256 << 20;

/// Runs a target within the memory that any small input may take.
fn bounded(target: fn(&[u8]), input: &[u8]) {
    let (peak, ()) = memory::peak_of(|| target(input));
    assert!(peak < MEMORY_OF_ANY, "{peak} bytes for {:?}", String::from_utf8_lossy(input));
}

/// Runs a target with a large input and one of four times its length. Time is the processor's, not the clock's, and only
/// its growth is judged: how fast it is, is told by `benches/reading-compose`.
fn grows_no_faster_than_its_input(target: fn(&[u8]), shape: &str, make: &dyn Fn(usize) -> String) {
    const SIZE: usize = 64 << 10;
    let measure = |size: usize| {
        let text = make(size);
        let started = processor_time();
        let (peak, ()) = memory::peak_of(|| target(text.as_bytes()));
        (processor_time().saturating_sub(started), peak)
    };
    let ((short, small), (long, large)) = (measure(SIZE), measure(4 * SIZE));
    // What grows with the square takes sixteen times as long.
    assert!(
        long < 8 * short + Duration::from_millis(200),
        "{shape}: {short:?} at first, {long:?} for four times the input"
    );
    assert!(
        large < 5 * small + (1 << 20),
        "{shape}: {small} bytes at first, {large} for four times the input"
    );
    // A short text is a node of its own and a service has ninety fields; both are held in a few forms and printed in two.
    assert!(large < 4 * SIZE * 400, "{shape}: {large} bytes for {} bytes of input", 4 * SIZE);
}

/// Returns how long this thread has kept a processor busy.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Repeats what a number makes until it has a length.
fn repeated(size: usize, part: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= size {
            break;
        }
        text.push_str(&part(number));
    }
    text
}

#[test]
fn large_projects_take_linear_memory_and_time() {
    type Shape = (&'static str, &'static str, fn(usize) -> String);
    let shapes: [Shape; 12] = [
        ("services", "services:\n", |n| format!("  s{n}: {{image: 'x:{n}', environment: [A=1]}}\n")),
        ("environment", "services:\n a:\n  image: x\n  environment:\n", |n| format!("   K{n}: v\n")),
        ("labels", "services:\n a:\n  image: x\n  labels:\n", |n| format!("   - k{n}=v\n")),
        ("commands", "services:\n a:\n  image: x\n  command: >\n", |n| format!("   --option{n}='a b'\n")),
        ("mounts", "services:\n a:\n  image: x\n  volumes:\n", |n| format!("   - ./{n}:/{n}:ro\n")),
        ("extensions", "services: {a: {image: x}}\nx-a:\n", |n| format!("  k{n}: [{n}, 1.5, ~]\n")),
        ("comments", "services: {a: {image: x}}\n", |n| format!("# {n}\n   \n")),
        ("variables", "services: {a: {image: x, labels: [\"k=", |n| format!("${{SET:-{n}}}$$")),
        ("documents", "services: {a: {image: x}}\n", |n| format!("---\nx-{n}: 1\n")),
        ("brackets", "services: {a: {image: x}}\nx-a: ", |_| "[".into()),
        ("quotes", "services: {a: {image: x}}\nx-a: \"", |_| "\\\"\\x41 \n ".into()),
        ("tabs", "services: {a: {image: x}}\nx-a: [\n", |n| format!("\t\"{n}\",\n")),
    ];
    for (shape, head, part) in shapes {
        grows_no_faster_than_its_input(targets::project, shape, &|size| {
            let end = if shape == "variables" { "\"]}}\n" } else { "" };
            format!("{head}{}{end}", repeated(size, part))
        });
    }
}

#[test]
fn large_templates_and_files_of_variables_take_linear_memory_and_time() {
    type Shape = (&'static str, fn(usize) -> String);
    let templates: [Shape; 3] = [
        ("defaults", |n| format!("${{NO:-{n}}}")),
        ("open braces", |_| "${SET:-{".into()),
        ("dollars", |_| "$$ $SET ".into()),
    ];
    for (shape, part) in templates {
        grows_no_faster_than_its_input(targets::interpolation, shape, &|size| repeated(size, part));
    }
    let variables: [Shape; 4] = [
        ("lines", |n| format!("A{n}=b\n")),
        ("references", |n| format!("A{n}=${{A{}}}x\n", n / 2)),
        ("quotes", |n| format!("A{n}=\"b\\n $SET\"\n")),
        ("comments", |n| format!("# {n}\n\n")),
    ];
    for (shape, part) in variables {
        grows_no_faster_than_its_input(targets::dotenv, shape, &|size| repeated(size, part));
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
