//! Floats as Go prints them.

/// Prints a float as Go's `%v` does: with an exponent below 1e-4 and from 1e6 on, the shortest digits that read back.
pub fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    exponent_form(value, |exponent| !(-4..6).contains(&exponent), 2)
}

/// Prints a float as Go's `encoding/json` does: with an exponent below 1e-6 and from 1e21 on.
pub fn go_json_float(value: f64) -> String {
    exponent_form(value, |exponent| !(-6..21).contains(&exponent), 1)
}

fn exponent_form(value: f64, wanted: impl Fn(i32) -> bool, digits: usize) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || !wanted(exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:0digits$}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        let cases = [
            (1.0, "1"),
            (1.1, "1.1"),
            (123_456.0, "123456"),
            (1_000_000.0, "1e+06"),
            (1_234_567_890.5, "1.2345678905e+09"),
            (0.000_01, "1e-05"),
            (0.0001, "0.0001"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(go_float(value), text);
        }
        assert_eq!(go_json_float(1e-7), "1e-7");
        assert_eq!(go_json_float(1_000_000.0), "1000000");
        assert_eq!(go_json_float(1e21), "1e+21");
    }
}
