//! Runs whose outcome a second, plain implementation of the rules has written down.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use ktrdr_core::{Decision, Reason, RejectionReason, Undefined};
use ktrdr_testkit::{Run, World, merge};
use serde::Deserialize;
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Fixture {
    defaults: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    timeframe: i64,
    warmup: usize,
    capital: f64,
    rules: Value,
    time: Vec<i64>,
    bars: BTreeMap<String, Vec<Option<f64>>>,
    signals: Vec<i8>,
    confidence: Option<Vec<Option<f64>>>,
    expected: Expected,
}

type Table = BTreeMap<String, Vec<Value>>;

#[derive(Deserialize)]
struct Expected {
    fills: Table,
    trades: Table,
    refused: Table,
    equity: Vec<f64>,
    decisions: Vec<String>,
    metrics: BTreeMap<String, Value>,
    blocks: Option<Vec<(u64, f64, f64)>>,
}

#[test]
fn every_case_comes_out_as_the_reference_says() {
    let fixture: Fixture = serde_json::from_str(include_str!("data/golden.json")).expect("the fixture");
    assert!(fixture.cases.len() >= 170);
    for case in &fixture.cases {
        let mut rules = fixture.defaults.clone();
        merge(&mut rules, case.rules.clone());
        let run = case.world().run(rules);
        let differences = case.differences(&run);
        assert!(differences.is_empty(), "{}: {differences:#?}", case.name);
    }
}

impl Case {
    fn world(&self) -> World {
        let column = |name: &str| {
            let values = self.bars.get(name)?;
            Some(values.iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<f64>>())
        };
        let narrow = |value: &Option<f64>| value.map_or(f32::NAN, |value| value as f32);
        World {
            timestamp: self.time.iter().map(|seconds| seconds * 1_000_000_000).collect(),
            open: column("open").expect("open"),
            high: column("high").expect("high"),
            low: column("low").expect("low"),
            close: column("close").expect("close"),
            half_spread: column("half_spread"),
            atr: column("atr"),
            conversion_rate: column("conversion_rate"),
            signals: self.signals.clone(),
            confidence: self.confidence.as_ref().map(|values| values.iter().map(narrow).collect()),
            timeframe_ns: self.timeframe * 1_000_000_000,
            warmup_bars: self.warmup,
            capital: self.capital,
        }
    }

    fn differences(&self, run: &Run) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, expected, found) in [
            ("fills", &self.expected.fills, fills(run)),
            ("trades", &self.expected.trades, trades(run)),
            ("refused", &self.expected.refused, refused(run)),
        ] {
            table_differences(&mut differences, name, expected, &found);
        }
        let equity = self.expected.equity.iter().map(|&value| Value::from(value)).collect::<Vec<_>>();
        column_differences(&mut differences, "equity", &equity, &numbers(&run.ledger.equity));
        if run.decisions() != self.expected.decisions {
            differences.push(format!("decisions: {:?} expected, {:?} found", self.expected.decisions, run.decisions()));
        }
        self.metric_differences(&mut differences, run);
        differences
    }

    fn metric_differences(&self, differences: &mut Vec<String>, run: &Run) {
        let found: BTreeMap<&str, Value> =
            run.metrics.values.iter().map(|(name, value)| (*name, as_json(*value))).collect();
        let names: Vec<&str> = self.expected.metrics.keys().map(String::as_str).collect();
        if names != found.keys().copied().collect::<Vec<_>>() {
            differences.push(format!("metrics: {names:?} expected, {:?} found", found.keys()));
        }
        for (name, value) in &self.expected.metrics {
            if !found.get(name.as_str()).is_some_and(|found| same(value, found)) {
                differences.push(format!("{name}: {value} expected, {:?} found", found.get(name.as_str())));
            }
        }
        let blocks = run
            .metrics
            .blocks
            .as_ref()
            .map(|blocks| blocks.iter().map(|b| (b.count, b.sum, b.sum_of_squares)).collect());
        let alike = |a: &Vec<(u64, f64, f64)>, b: &Vec<(u64, f64, f64)>| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && near(a.1, b.1) && near(a.2, b.2))
        };
        match (&self.expected.blocks, &blocks) {
            (None, None) => {}
            (Some(expected), Some(found)) if alike(expected, found) => {}
            (expected, found) => differences.push(format!("blocks: {expected:?} expected, {found:?} found")),
        }
    }
}

fn as_json(value: Result<f64, Undefined>) -> Value {
    value.map_or_else(|reason| Value::from(reason.name()), Value::from)
}

fn table_differences(differences: &mut Vec<String>, name: &str, expected: &Table, found: &Table) {
    if expected.is_empty() && found.values().all(Vec::is_empty) {
        return;
    }
    for (key, found) in found {
        match expected.get(key) {
            Some(expected) => column_differences(differences, &format!("{name}.{key}"), expected, found),
            None => differences.push(format!("{name}.{key}: nothing expected, {found:?} found")),
        }
    }
}

fn column_differences(differences: &mut Vec<String>, name: &str, expected: &[Value], found: &[Value]) {
    if expected.len() != found.len() || !expected.iter().zip(found).all(|(expected, found)| same(expected, found)) {
        differences.push(format!("{name}: {expected:?} expected, {found:?} found"));
    }
}

fn same(expected: &Value, found: &Value) -> bool {
    match (expected.as_f64(), found.as_f64()) {
        (Some(expected), Some(found)) => near(expected, found),
        _ => expected == found,
    }
}

fn near(expected: f64, found: f64) -> bool {
    (expected - found).abs() <= TOLERANCE * expected.abs().max(1.0)
}

fn numbers<T: Copy + Into<Value>>(values: &[T]) -> Vec<Value> {
    values.iter().map(|&value| value.into()).collect()
}

fn optional<T: Copy + Into<Value>>(values: &[Option<T>]) -> Vec<Value> {
    values.iter().map(|value| value.map_or(Value::Null, Into::into)).collect()
}

fn names(values: &[u8], names: &[&str]) -> Vec<Value> {
    values.iter().map(|&code| Value::from(names[code as usize])).collect()
}

macro_rules! columns {
    ($table:expr, $($name:ident),*) => { Table::from([$((stringify!($name).to_owned(), numbers(&$table.$name))),*]) };
}

fn fills(run: &Run) -> Table {
    let fills = &run.ledger.fills;
    let mut table =
        columns!(fills, bar, trade_id, side, quantity, price, reference_price, commission, slippage, spread);
    table.insert("reason".into(), names(&fills.reason, &Reason::NAMES));
    table
}

fn trades(run: &Run) -> Table {
    let trades = &run.ledger.trades;
    let mut table = columns!(
        trades,
        trade_id,
        direction,
        entry_bar,
        entry_price,
        exit_bar,
        exit_price,
        quantity,
        gross_pnl,
        commission,
        financing,
        net_pnl,
        slippage,
        spread,
        return_rate,
        bars_held,
        hours_held,
        mfe,
        mae,
        mfe_rate,
        mae_rate,
        entry_confidence
    );
    table.insert("exit_confidence".into(), optional(&trades.exit_confidence));
    table.insert("stop_price".into(), optional(&trades.stop_price));
    table.insert("target_price".into(), optional(&trades.target_price));
    table.insert("exit_reason".into(), names(&trades.exit_reason, &Reason::NAMES));
    table
}

fn refused(run: &Run) -> Table {
    let refused = &run.ledger.refused;
    let mut table = columns!(refused, bar, side);
    table.insert("quantity".into(), optional(&refused.quantity));
    table.insert("reason".into(), names(&refused.reason, &RejectionReason::NAMES));
    table
}

#[test]
fn the_fixture_reaches_every_reason_and_decision() {
    let fixture: Fixture = serde_json::from_str(include_str!("data/golden.json")).expect("the fixture");
    let column = |table: &Table, key: &str| table.get(key).cloned().unwrap_or_default();
    let filled: Vec<Value> = fixture.cases.iter().flat_map(|case| column(&case.expected.fills, "reason")).collect();
    let refused: Vec<Value> = fixture.cases.iter().flat_map(|case| column(&case.expected.refused, "reason")).collect();
    let decided: Vec<&String> = fixture.cases.iter().flat_map(|case| &case.expected.decisions).collect();
    assert!(Reason::NAMES.iter().all(|name| filled.iter().any(|found| found == name)));
    assert!(RejectionReason::NAMES.iter().all(|name| refused.iter().any(|found| found == name)));
    assert!(Decision::NAMES.iter().all(|name| decided.iter().any(|found| found == name)));
}
