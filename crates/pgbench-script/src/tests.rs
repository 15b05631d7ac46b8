//! Tests of the script language as a whole: values of expressions, branches of scripts, positions
//! of errors.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::*;
use crate::compiled::program::Instruction;

fn source(text: &str) -> ScriptSource {
    ScriptSource {
        file: "s.sql".to_owned(),
        text: text.to_owned(),
    }
}

fn compiled(text: &str) -> Result<(Program, Variables), ScriptError> {
    let constants = [
        ("four".to_owned(), ScriptValue::Integer(4)),
        ("half".to_owned(), ScriptValue::Double(0.5)),
        ("nothing".to_owned(), ScriptValue::Null),
    ];
    let mut scripts = compile(&[source(text)], &constants, 7, ValueMode::Bind)?;
    Ok((scripts.programs.remove(0), scripts.variables.client(0)))
}

/// Evaluates `expression` with random seed 1. Fails with the message if it does not parse or cannot
/// be evaluated.
fn value(expression: &str) -> Result<ScriptValue, String> {
    let script = format!("\\set x {expression}\nSELECT 1;");
    let (program, variables) = compiled(&script).map_err(|error| error.to_string())?;
    let Instruction::Set { expression, .. } = &program.instructions[0] else {
        panic!("{:?}", program.instructions);
    };
    let mut random = SmallRng::seed_from_u64(1);
    let evaluated = expression.evaluate(&variables, &mut random);
    evaluated.map_err(|fault| fault.to_string())
}

/// Executes the script `text` once and returns the indices of the statements that it reaches, in
/// order. Panics if the script fails.
fn path(text: &str) -> Vec<usize> {
    let (program, mut variables) = compiled(text).unwrap();
    let (mut random, mut next) = (SmallRng::seed_from_u64(1), 0);
    let mut executed = Vec::new();
    while let Some(action) = program
        .advance(&mut next, &mut variables, &mut random)
        .unwrap()
    {
        if let Action::Statement(index) = action {
            executed.push(index);
        }
    }
    executed
}

#[test]
fn expressions_come_to_what_pgbench_makes_of_them() {
    let (int, double, truth) = (
        ScriptValue::Integer,
        ScriptValue::Double,
        ScriptValue::Boolean,
    );
    for (text, expected) in [
        ("1 + 2 * 3", int(7)),
        ("(1 + 2) * 3", int(9)),
        ("-7 / 2", int(-3)),
        ("-7 % 3", int(-1)),
        ("7 - 2 - 1", int(4)),
        ("1 + 2.5", double(3.5)),
        ("7 / 2.0", double(3.5)),
        ("- - 3", int(3)),
        ("-9223372036854775808", int(i64::MIN)),
        ("-9223372036854775808 % -1", int(0)),
        ("~5 & 7 | 8", int(10)),
        ("1 << 3 # 1", int(9)),
        ("256 >> 4", int(16)),
        ("1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3", truth(true)),
        ("1 <> 1 or 1 != 2", truth(true)),
        ("not 1 = 2", truth(true)),
        ("1 + 1 = 2", truth(true)),
        ("null is null", truth(true)),
        ("1 IS NOT NULL", truth(true)),
        (":nothing isnull", truth(true)),
        ("1 notnull", truth(true)),
        ("(1 = 1) is true", truth(true)),
        ("null + 1", ScriptValue::Null),
        ("null and false", ScriptValue::Null),
        ("false and null", truth(false)),
        ("true and null", ScriptValue::Null),
        ("null or true", ScriptValue::Null),
        ("true or null", truth(true)),
        ("null or false", ScriptValue::Null),
        ("true or 1 / 0 = 1", truth(true)),
        ("CASE WHEN :four > 3 THEN 'x' END", ScriptValue::Null),
        ("case when :four > 3 then 1 else 2 end", int(1)),
        (
            "case when false then 1 when null then 2 end",
            ScriptValue::Null,
        ),
        ("abs(-3)", int(3)),
        ("abs(-3.5)", double(3.5)),
        ("int(5.4 + 3.8)", int(9)),
        ("double(5432)", double(5432.0)),
        ("greatest(5, 4, 3, 2)", int(5)),
        ("least(5, 4, 3, 2.1)", double(2.1)),
        ("mod(54, 32)", int(22)),
        ("pow(2.0, 10)", double(1024.0)),
        ("power(2, 10)", double(1024.0)),
        ("sqrt(2.0)", double(std::f64::consts::SQRT_2)),
        ("ln(exp(1.0))", double(1.0)),
        ("pi()", double(std::f64::consts::PI)),
        (":four * :half", double(2.0)),
        ("random(5, 5)", int(5)),
        ("TRUE", truth(true)),
        ("1e3", double(1000.0)),
        (".5", double(0.5)),
    ] {
        if text.contains('\'') {
            assert!(value(text).is_err(), "{text}");
        } else {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }
}

#[test]
fn what_has_no_value_says_why_and_where() {
    for (text, told) in [
        ("1 / 0", "1:10: division by zero"),
        ("9223372036854775807 + 1", "does not fit an integer"),
        ("-9223372036854775808 / -1", "does not fit an integer"),
        ("abs(-9223372036854775808)", "does not fit an integer"),
        ("int(1e30)", "does not fit an integer"),
        ("1 = true", "a boolean is no integer"),
        ("not 1", "an integer is no boolean"),
        ("1 and true", "an integer is no boolean"),
        ("random(2, 1)", "no number from 2 to 1"),
        ("random_gaussian(1, 10, 1.0)", "2.0 or more"),
        ("random_zipfian(1, 10, 1.0)", "1.001 to 1000"),
        ("random_exponential(1, 10, 0)", "above zero"),
    ] {
        let said = value(text).unwrap_err();
        assert!(said.contains(told), "{text}: {said}");
    }
}

#[test]
fn blocks_execute_the_branch_that_holds() {
    let script = |n: i64| {
        format!(
            "\\set n {n}
            \\if :n = 1
            SELECT 0;
              \\if :n > 5
              SELECT 1;
              \\endif
            \\elif :n = 2
            SELECT 2;
            \\else
            SELECT 3;
            \\endif
            SELECT 4;"
        )
    };
    assert_eq!(path(&script(1)), [0, 4]);
    assert_eq!(path(&script(2)), [2, 4]);
    assert_eq!(path(&script(3)), [3, 4]);
}

#[test]
fn an_error_names_file_line_and_column() {
    for (text, told) in [
        (
            "\\set x 1 +\nSELECT 1;",
            "s.sql:1:11: an expression is missing",
        ),
        (
            "SELECT 1;\n\\set x 1 2\n",
            "s.sql:2:10: 2 does not fit here",
        ),
        ("\\set x :y\nSELECT 1;", "s.sql:1:8: nothing sets :y"),
        ("\\set 1x 3\nSELECT 1;", "s.sql:1:6: \\set takes a name"),
        ("\\set\nSELECT 1;", "s.sql:1:5: \\set takes a name"),
        (
            "\\set x randon(1, 2)\nSELECT 1;",
            "s.sql:1:8: there is no function randon; there are abs",
        ),
        (
            "\\set x random(1)\nSELECT 1;",
            "s.sql:1:8: random takes 2 arguments, not 1",
        ),
        ("\\set x (1\nSELECT 1;", "s.sql:1:10: ) is missing"),
        ("\\set x 1 ? 2\nSELECT 1;", "s.sql:1:10: '?' begins nothing"),
        (
            "\\set x 99999999999999999999\nSELECT 1;",
            "does not fit an integer",
        ),
        (
            "\\set x 9223372036854775808\nSELECT 1;",
            "does not fit an integer",
        ),
        ("\\set x 12ab\nSELECT 1;", "runs into a name"),
        ("\\set x debug(1)\nSELECT 1;", "what is measured"),
        ("\\set x permute(1, 2)\nSELECT 1;", "not supported"),
        (
            "  \\shell ls\nSELECT 1;",
            "s.sql:1:3: \\shell runs a program",
        ),
        (
            "\\setshell x ls\nSELECT 1;",
            "s.sql:1:1: \\setshell runs a program",
        ),
        ("\\startpipeline\nSELECT 1;", "before it has the answer"),
        ("\\setrandom a 1 9\nSELECT 1;", "write \\set name random"),
        ("SELECT 1 \\gset\n", "s.sql:1:10: \\gset is there with"),
        ("\\foo\nSELECT 1;", "there is no \\foo"),
        ("\\sleep\nSELECT 1;", "s.sql:1:7: \\sleep takes"),
        ("\\sleep 1 h\nSELECT 1;", "\\sleep takes"),
        (
            "\\if true\nSELECT 1;",
            "s.sql:1:1: this \\if has no \\endif",
        ),
        ("SELECT 1;\n\\endif", "s.sql:2:1: \\endif without \\if"),
        (
            "\\if true\n\\else\n\\else\n\\endif\nSELECT 1;",
            "s.sql:3:1: \\else after \\else",
        ),
        (
            "\\if true\n\\else 1\n\\endif\nSELECT 1;",
            "s.sql:2:7: \\else takes nothing",
        ),
        (
            "-- nothing\n",
            "s.sql:1:1: the script holds no SQL statement",
        ),
        ("SELECT :a;", "s.sql:1:8: nothing sets :a"),
    ] {
        let said = compiled(text).unwrap_err().to_string();
        assert!(said.contains(told), "{text}: {said}");
    }
}

#[test]
fn an_expression_that_no_stack_holds_is_refused() {
    let many = "1+".repeat(1_000) + "1";
    let deep = "(".repeat(100) + "1" + &")".repeat(100);
    for (expression, told) in [(many, "at most 500 parts"), (deep, "at most 50 deep")] {
        let said = value(&expression).unwrap_err();
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_sleep_is_read_in_every_unit() {
    for (text, unit) in [
        ("1", 1_000_000),
        ("1 s", 1_000_000),
        ("10ms", 1_000),
        ("5 us", 1),
        (":four ms", 1_000),
    ] {
        let (program, _) = compiled(&format!("\\sleep {text}\nSELECT 1;")).unwrap();
        let Instruction::Sleep { unit_us, .. } = program.instructions[0] else {
            panic!("{:?}", program.instructions);
        };
        assert_eq!(unit_us, unit, "{text}");
    }
}

#[test]
fn scripts_of_a_mix_share_their_variables() {
    let sources = [source("\\set a 1\nSELECT :a;"), source("SELECT :a;")];
    let scripts = compile(&sources, &[], 1, ValueMode::Bind).unwrap();
    let slot = scripts.variables.get("a").unwrap();
    assert_eq!(scripts.programs[1].statements[0].parameters[0].slot, slot);
}

proptest! {
    /// Verifies that any text compiles to a program or gives an error, and never a panic.
    #[test]
    fn no_text_brings_the_reader_down(text in "\\PC*") {
        let _ = compiled(&text);
    }

    /// Verifies that text made of fragments of scripts gives a program or an error, and that no
    /// expression of the program panics.
    #[test]
    fn no_script_brings_the_reader_down(words in prop::collection::vec(
        prop::sample::select(vec![
            "\\set ", "\\if ", "\\elif ", "\\else", "\\endif", "\\sleep ", "\\", "\n", "x", ":x", "::", ":",
            " 1", "1.5e", "-", "+", "(", ")", "case ", "when ", "then ", "end", "is ", "not ", "null",
            "random(", ",", "SELECT ", ";", "'", "\"", "$$", "$a$", "/*", "*/", "--", "E'", "BEGIN", "é", "9223372036854775808",
        ]), 0..60)) {
        let text = words.concat();
        if let Ok((program, variables)) = compiled(&text) {
            let mut random = SmallRng::seed_from_u64(1);
            for command in &program.instructions {
                if let Instruction::Set { expression, .. } = command {
                    let _ = expression.evaluate(&variables, &mut random);
                }
            }
        }
    }

    /// Verifies that sums, products, quotients and remainders of small integers equal those of
    /// Rust.
    #[test]
    fn arithmetic_agrees_with_the_machine(a in -1000_i64..1000, b in -1000_i64..1000, c in 1_i64..1000) {
        let text = format!("{a} + {b} * {c} - {a} / {c} % {c}");
        prop_assert_eq!(value(&text), Ok(ScriptValue::Integer(a + b * c - a / c % c)));
    }
}
