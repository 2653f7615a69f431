//! A run of the core, driven from Python by columns.

use ktrdr_core::{Calendar, Columns, Decision, DecisionRules, Extent, Filter, Inputs, LEDGERS, Parts, Rules, RunSpec};
use ktrdr_core::{Saved, Signals, Simulation as Run, SnapshotV1, Verdict, open_snapshot, result_hash};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::de::DeserializeOwned;

use crate::columns::{BarColumns, slice};
use crate::errors::{argument, raise};
use crate::tables;

fn parse<T: DeserializeOwned>(py: Python<'_>, name: &'static str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| argument(py, name, error.to_string()))
}

/// Every metric with its value or the reason why it has none, sorted; returns in blocks; periods a year.
type Report = (Vec<(&'static str, Option<f64>, Option<&'static str>)>, Option<Vec<(u64, f64, f64)>>, f64);

/// One run: bars and signals in, ledger and metrics out.
#[pyclass(module = "ktrdr._core")]
pub struct Simulation {
    saved: Saved,
}

#[pymethods]
impl Simulation {
    /// A run before its first bar; `stamps` of all bars, or None where its length is not known.
    #[new]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        rules: &str,
        symbol: String,
        timeframe_ns: i64,
        initial_capital: f64,
        warmup_bars: u64,
        record_decisions: bool,
        stamps: Option<PyReadonlyArray1<'_, i64>>,
    ) -> PyResult<Self> {
        let rules: Rules = parse(py, "rules", rules)?;
        let per_year = rules.metrics.periods_per_year;
        let calendar = match (slice(stamps.as_ref())?, per_year) {
            (Some(stamps), _) => {
                let simulated = stamps.get(warmup_bars as usize..).unwrap_or_default();
                Calendar::of_run(per_year, timeframe_ns, simulated)
            }
            (None, Some(per_year)) => Calendar::open_ended(per_year, timeframe_ns),
            (None, None) => return Err(argument(py, "metrics", "periods_per_year is required: no length is known")),
        };
        let spec = RunSpec { symbol, timeframe_ns, initial_capital, warmup_bars, record_decisions };
        let run = Run::new(rules, spec, calendar).map_err(|error| raise(py, &error))?;
        Ok(Self { saved: Saved::new(run) })
    }

    /// Continues from a snapshot and the ledger written so far, with the named hashes it was saved with.
    /// Other `rules` make it a fork; `bars` hold the run from row 0 on, None without them.
    #[staticmethod]
    #[pyo3(signature = (blob, ledger, rules=None, bars=None))]
    fn restore(
        py: Python<'_>,
        blob: &[u8],
        ledger: &Bound<'_, PyDict>,
        rules: Option<&str>,
        bars: Option<BarColumns<'_>>,
    ) -> PyResult<(Self, Parts)> {
        let rules: Option<Rules> = rules.map(|json| parse(py, "rules", json)).transpose()?;
        let (ledger, bars) = (tables::read(ledger)?, bars.as_ref().map(BarColumns::bars).transpose()?);
        let opened = Saved::open(blob, ledger, rules, bars.as_ref());
        opened.map(|(saved, parts)| (Self { saved }, parts)).map_err(|error| raise(py, &error))
    }

    /// Takes the rows of `bars` from `row` on that `signals` cover; `last` ends the run with them.
    fn advance(
        &mut self,
        py: Python<'_>,
        bars: BarColumns<'_>,
        row: usize,
        signals: PyReadonlyArray1<'_, i8>,
        confidence: Option<PyReadonlyArray1<'_, f32>>,
        last: bool,
    ) -> PyResult<()> {
        let (all, signals, confidence) = (bars.bars()?, signals.as_slice()?, slice(confidence.as_ref())?);
        if row + signals.len() > all.len() {
            return Err(argument(py, "signals", "there are more of them than bars"));
        }
        let bars = all.rows(row, row + signals.len());
        py.detach(|| self.saved.run.feed(&Columns { bars, signals, confidence }, last))
            .map_err(|error| raise(py, &error))
    }

    /// Named hashes of the inputs so far; row 0 of the columns is row `first_row` of the run.
    fn parts(
        &mut self,
        py: Python<'_>,
        bars: BarColumns<'_>,
        first_row: u64,
        signals: PyReadonlyArray1<'_, i8>,
        confidence: Option<PyReadonlyArray1<'_, f32>>,
    ) -> PyResult<Parts> {
        let (signals, confidence) = (signals.as_slice()?, slice(confidence.as_ref())?);
        let inputs = Inputs { bars: bars.bars()?, signals: Signals { signals, confidence }, first_row };
        py.detach(|| self.saved.parts(&inputs)).map_err(|error| raise(py, &error))
    }

    /// The state as bytes, with the identity that the named hashes make.
    fn snapshot<'py>(&mut self, py: Python<'py>, parts: Parts) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.saved.seal(parts)).map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Metrics of the run so far.
    fn metrics(&self) -> Report {
        let set = self.saved.run.metrics(Some(&self.saved.run.ledger().trades.bars_held));
        let values = set.values.iter().map(|(name, value)| (*name, value.ok(), value.err())).collect();
        let blocks = set.blocks.map(|blocks| blocks.iter().map(|b| (b.count, b.sum, b.sum_of_squares)).collect());
        (values, blocks, set.periods_per_year)
    }

    /// Columns of one ledger by name, from row `first` on.
    #[pyo3(signature = (name, first=0))]
    fn table<'py>(&self, py: Python<'py>, name: &str, first: usize) -> PyResult<Bound<'py, PyDict>> {
        tables::write(py, self.saved.run.ledger(), name, first)?.ok_or_else(|| argument(py, "name", "no such ledger"))
    }

    /// BLAKE3 over fills, trades, equity at `times`, and metrics sorted by name.
    fn result_hash<'py>(
        &self,
        py: Python<'py>,
        times: PyReadonlyArray1<'py, i64>,
        fills: usize,
        trades: usize,
        metrics: Vec<(String, Option<f64>)>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (run, times, extent) = (&self.saved.run, times.as_slice()?, Extent { fills, trades });
        let hash = py.detach(|| result_hash(&run.spec().symbol, run.ledger(), extent, times, &metrics));
        Ok(PyBytes::new(py, &hash))
    }

    /// The rules as JSON.
    #[getter]
    fn rules(&self) -> String {
        serde_json::to_string(self.saved.run.rules()).unwrap_or_default()
    }

    /// Name of the instrument.
    #[getter]
    fn symbol(&self) -> &str {
        &self.saved.run.spec().symbol
    }

    /// Length of a bar.
    #[getter]
    fn timeframe_ns(&self) -> i64 {
        self.saved.run.spec().timeframe_ns
    }

    /// First simulated bar.
    #[getter]
    fn warmup_bars(&self) -> u64 {
        self.saved.run.spec().warmup_bars
    }

    /// Account currency.
    #[getter]
    fn initial_capital(&self) -> f64 {
        self.saved.run.spec().initial_capital
    }

    /// Quote currency per point and unit.
    #[getter]
    fn contract_multiplier(&self) -> f64 {
        self.saved.run.rules().execution.instrument.contract_multiplier
    }

    /// Index of the next bar.
    #[getter]
    fn next_bar(&self) -> u64 {
        self.saved.run.next_bar()
    }

    /// Stamp of the last bar taken, ns UTC; None before the first.
    #[getter]
    fn last_ns(&self) -> Option<i64> {
        self.saved.run.desk().past.map(|past| past.time)
    }

    /// Whether the last bar has been taken.
    #[getter]
    fn ended(&self) -> bool {
        self.saved.run.ended()
    }

    /// Equity at the last mark.
    #[getter]
    fn equity(&self) -> f64 {
        self.saved.run.desk().metrics.equity()
    }

    /// Rows of fills, trades, equity, refused, decisions.
    #[getter]
    fn row_counts(&self) -> (usize, usize, usize, usize, usize) {
        self.saved.run.ledger().rows().into()
    }

    /// The open position as JSON; None when flat.
    #[getter]
    fn position(&self) -> Option<String> {
        let held = self.saved.run.desk().position.as_ref()?;
        serde_json::to_string(held).ok()
    }

    /// Gross P&L of the open position at the last mark, account currency.
    #[getter]
    fn open_gross(&self) -> f64 {
        self.saved.run.desk().open_gross(self.contract_multiplier())
    }
}

/// A snapshot that has passed every check: identity, next bar, rows of each ledger, and the hash that a fork of it
/// carries as its parent's.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn verify<'py>(
    py: Python<'py>,
    blob: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, u64, Vec<(&'static str, u64)>, Bound<'py, PyBytes>)> {
    let (header, _) = open_snapshot::<SnapshotV1>(blob).map_err(|error| raise(py, &error))?;
    let rows = LEDGERS.into_iter().zip(header.ledgers.map(|mark| mark.rows)).collect();
    Ok((PyBytes::new(py, &header.identity), header.bar, rows, PyBytes::new(py, &header.lineage())))
}

/// The state that a snapshot holds, as JSON.
#[pyfunction]
pub fn inspect(py: Python<'_>, blob: &[u8]) -> PyResult<String> {
    let (_, state) = open_snapshot::<SnapshotV1>(blob).map_err(|error| raise(py, &error))?;
    serde_json::to_string(&state).map_err(|error| argument(py, "blob", error.to_string()))
}

/// What the filters make of one signal: side of the order (0 none) and the name of the decision.
/// `decisions` are the rules as a mapping; `position` is the direction of the open one.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn filter_decision(
    py: Python<'_>,
    decisions: &Bound<'_, PyAny>,
    allow_short: bool,
    signal: i8,
    confidence: f32,
    stamp_ns: i64,
    last_fill_ns: Option<i64>,
    position: i8,
) -> PyResult<(i8, &'static str)> {
    let json: String = py.import("json")?.call_method1("dumps", (decisions,))?.extract()?;
    let rules: DecisionRules = parse(py, "decisions", &json)?;
    let (side, decision) =
        match Filter::new(&rules, allow_short).judge(signal, confidence, stamp_ns, last_fill_ns, position) {
            Verdict::Order => (signal, Decision::Traded),
            Verdict::Pass(decision) => (0, decision),
            Verdict::AlreadyInPosition => (0, Decision::Position),
        };
    Ok((side, Decision::NAMES[decision as usize]))
}
