//! A run of the core, driven from Python by columns.

use ktrdr_core::Error;
use ktrdr_core::filter::{Decision, Filter, Verdict};
use ktrdr_core::hash::{self, Chain, Content, Extent, Hash, Of, PAGE_ROWS, Signals};
use ktrdr_core::metrics::Calendar;
use ktrdr_core::rules::{Decisions, Rules};
use ktrdr_core::signal::Columns;
use ktrdr_core::simulation::{RunSpec, Simulation as Run};
use ktrdr_core::snapshot::{self, Header, LEDGERS, LedgerMark};
use ktrdr_core::snapshot_v1::{Parts, SnapshotV1};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::de::DeserializeOwned;

use crate::columns::{BarColumns, slice};
use crate::errors::{argument, raise};
use crate::tables;

/// Rises with every change that can change a result.
const SEMANTICS: u16 = 1;

const NOT_ONE: Error = Error::SnapshotInconsistent { what: "not exactly one symbol" };

fn parse<T: DeserializeOwned>(py: Python<'_>, name: &'static str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| argument(py, name, error.to_string()))
}

/// Every metric with its value or the reason why it has none, sorted; returns in blocks; periods a year.
type Report = (Vec<(&'static str, Option<f64>, Option<&'static str>)>, Option<Vec<(u64, f64, f64)>>, f64);

/// Hashes of what a run has written and was given, moved on only when it is saved.
#[derive(Default)]
struct Chains {
    ledgers: [Chain; LEDGERS.len()],
    bars: Chain,
    signals: Chain,
}

impl Chains {
    fn marks(&mut self, run: &Run) -> [LedgerMark; LEDGERS.len()] {
        let (symbol, ledger) = (run.spec().symbol.as_str(), run.ledger());
        let [fills, trades, equity, refused, decisions] = &mut self.ledgers;
        [
            LedgerMark::of(fills, &Of { symbol, table: &ledger.fills }),
            LedgerMark::of(trades, &Of { symbol, table: &ledger.trades }),
            LedgerMark::of(equity, &ledger.equity),
            LedgerMark::of(refused, &ledger.refused),
            LedgerMark::of(decisions, &ledger.decisions),
        ]
    }

    /// Inputs before the open page are not at hand: their hashes come from the snapshot.
    fn resume_inputs(&mut self, next_bar: u64, parts: &Parts) {
        let paged_rows = next_bar / PAGE_ROWS as u64 * PAGE_ROWS as u64;
        let head = |name| part(parts, name).unwrap_or_default();
        self.bars = Chain { paged_rows, head: head("bars_pages") };
        self.signals = Chain { paged_rows, head: head("signals_pages") };
    }
}

fn part(parts: &Parts, name: &str) -> Option<Hash> {
    parts.iter().find(|(known, _)| known == name).map(|(_, hash)| *hash)
}

fn hashed(value: &[u8]) -> Hash {
    Content::default().add(value).finish()
}

/// One run: bars and signals in, ledger and metrics out.
#[pyclass(module = "ktrdr._core")]
pub struct Simulation {
    run: Run,
    chains: Chains,
    parent: Option<Hash>,
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
        Ok(Self { run, chains: Chains::default(), parent: None })
    }

    /// Continues from a snapshot and the ledger written so far, with the named hashes it was saved with.
    ///
    /// Other `rules` make it a fork; `earlier` are the rows before the next bar, or None without them.
    #[staticmethod]
    #[pyo3(signature = (blob, ledger, rules=None, earlier=None))]
    fn restore(
        py: Python<'_>,
        blob: &[u8],
        ledger: &Bound<'_, PyDict>,
        rules: Option<&str>,
        earlier: Option<BarColumns<'_>>,
    ) -> PyResult<(Self, Parts)> {
        let refuse = |error: Error| raise(py, &error);
        let (header, saved) = snapshot::open::<SnapshotV1>(blob).map_err(refuse)?;
        let (state, parts) = saved.into_state().ok_or_else(|| refuse(NOT_ONE))?;
        let ledger = tables::read(ledger)?;
        let earlier = earlier.as_ref().map(BarColumns::bars).transpose()?;
        let rules: Option<Rules> = rules.map(|json| parse(py, "rules", json)).transpose()?;
        let parent = if rules.is_some() { Some(header.lineage()) } else { part(&parts, "parent") };
        let run = match rules {
            None => Run::resume(state, ledger),
            Some(rules) => Run::fork(state, ledger, rules, earlier.as_ref()),
        };
        let mut found = Self { run, chains: Chains::default(), parent };
        let marks = found.chains.marks(&found.run);
        if let Some((name, _)) = LEDGERS.iter().zip(marks.iter().zip(&header.ledgers)).find(|(_, (a, b))| a != b) {
            return Err(refuse(Error::IdentityMismatch { part: format!("ledger {name}") }));
        }
        if earlier.is_none() {
            found.chains.resume_inputs(header.bar, &parts);
        }
        Ok((found, parts))
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
        py.detach(|| self.run.feed(&Columns { bars, signals, confidence }, last)).map_err(|error| raise(py, &error))
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
        let rows = (self.run.next_bar() - first_row) as usize;
        let (all, signals, confidence) = (bars.bars()?, signals.as_slice()?, slice(confidence.as_ref())?);
        if rows > all.len().min(signals.len()) {
            return Err(raise(py, &Error::IdentityMismatch { part: "bars".into() }));
        }
        let bars = all.rows(0, rows);
        let signals = Signals { signals: &signals[..rows], confidence: confidence.map(|column| &column[..rows]) };
        self.chains.bars.advance(&bars, first_row);
        self.chains.signals.advance(&signals, first_row);
        let spec = self.run.spec();
        let rules = serde_json::to_vec(self.run.rules()).unwrap_or_default();
        let named = [
            ("bars", self.chains.bars.tip(&bars, first_row)),
            ("bars_pages", self.chains.bars.head),
            ("signals", self.chains.signals.tip(&signals, first_row)),
            ("signals_pages", self.chains.signals.head),
            ("rules", hashed(&rules)),
            ("warm-up", hashed(&spec.warmup_bars.to_le_bytes())),
            ("timeframe", hashed(&spec.timeframe_ns.to_le_bytes())),
            ("capital", hashed(&spec.initial_capital.to_le_bytes())),
            ("symbol", hashed(spec.symbol.as_bytes())),
            ("semantics", hashed(&SEMANTICS.to_le_bytes())),
        ];
        let parent = self.parent.map(|hash| ("parent", hash));
        Ok(named.into_iter().chain(parent).map(|(name, hash)| (name.into(), hash)).collect())
    }

    /// The state as bytes, with the identity that the named hashes make.
    fn snapshot<'py>(&mut self, py: Python<'py>, parts: Parts) -> PyResult<Bound<'py, PyBytes>> {
        let ledgers = self.chains.marks(&self.run);
        let header = Header { identity: hash::identity(&parts), bar: self.run.next_bar(), ledgers };
        let bytes = snapshot::seal(&header, &self.run.snapshot(parts)).map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Metrics of the run so far.
    fn metrics(&self) -> Report {
        let set = self.run.metrics(Some(&self.run.ledger().trades.bars_held));
        let values = set.values.iter().map(|(name, value)| (*name, value.ok(), value.err())).collect();
        let blocks = set.blocks.map(|blocks| blocks.iter().map(|b| (b.count, b.sum, b.sum_of_squares)).collect());
        (values, blocks, set.periods_per_year)
    }

    /// Columns of one ledger by name.
    fn table<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        tables::write(py, self.run.ledger(), name)?.ok_or_else(|| argument(py, "name", "no such ledger"))
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
        let (run, times) = (&self.run, times.as_slice()?);
        let extent = Extent { fills, trades };
        let hash = py.detach(|| hash::result(&run.spec().symbol, run.ledger(), extent, times, &metrics));
        Ok(PyBytes::new(py, &hash))
    }

    /// The rules as JSON.
    #[getter]
    fn rules(&self) -> String {
        serde_json::to_string(self.run.rules()).unwrap_or_default()
    }

    /// Name of the instrument.
    #[getter]
    fn symbol(&self) -> &str {
        &self.run.spec().symbol
    }

    /// Length of a bar.
    #[getter]
    fn timeframe_ns(&self) -> i64 {
        self.run.spec().timeframe_ns
    }

    /// First simulated bar.
    #[getter]
    fn warmup_bars(&self) -> u64 {
        self.run.spec().warmup_bars
    }

    /// Account currency.
    #[getter]
    fn initial_capital(&self) -> f64 {
        self.run.spec().initial_capital
    }

    /// Quote currency per point and unit.
    #[getter]
    fn contract_multiplier(&self) -> f64 {
        self.run.rules().execution.instrument.contract_multiplier
    }

    /// Index of the next bar.
    #[getter]
    fn next_bar(&self) -> u64 {
        self.run.next_bar()
    }

    /// Stamp of the last bar taken, ns UTC; None before the first.
    #[getter]
    fn last_ns(&self) -> Option<i64> {
        self.run.desk().past.map(|past| past.time)
    }

    /// Whether the last bar has been taken.
    #[getter]
    fn ended(&self) -> bool {
        self.run.ended()
    }

    /// Equity at the last mark.
    #[getter]
    fn equity(&self) -> f64 {
        self.run.desk().metrics.equity()
    }

    /// Rows of fills, trades, equity, refused, decisions.
    #[getter]
    fn row_counts(&self) -> (usize, usize, usize, usize, usize) {
        let ledger = self.run.ledger();
        let rows = (ledger.fills.bar.len(), ledger.trades.trade_id.len(), ledger.equity.len());
        (rows.0, rows.1, rows.2, ledger.refused.bar.len(), ledger.decisions.code.len())
    }

    /// The open position: trade, direction, entry, costs so far, levels; None when flat.
    #[getter]
    fn position<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(held) = self.run.desk().position.as_ref() else { return Ok(None) };
        let fields = PyDict::new(py);
        fields.set_item("trade_id", held.trade_id)?;
        fields.set_item("direction", held.direction)?;
        fields.set_item("quantity", held.quantity)?;
        fields.set_item("entry_bar", held.entry_bar)?;
        fields.set_item("entry_ns", held.entry_ns)?;
        fields.set_item("entry_price", held.entry_price)?;
        fields.set_item("entry_notional", held.entry_notional)?;
        fields.set_item("commission", held.commission)?;
        fields.set_item("financing", held.financing)?;
        fields.set_item("stop_price", held.stop)?;
        fields.set_item("target_price", held.target)?;
        fields.set_item("trailing_price", held.trailing.map(|trailing| trailing.level))?;
        fields.set_item("gross_pnl", self.run.desk().open_gross(self.contract_multiplier()))?;
        Ok(Some(fields))
    }
}

/// What the filters make of one signal: side of the order (0 none) and the name of the decision.
///
/// `decisions` are the rules as a mapping; `position` is the direction of the open one.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (decisions, allow_short, signal, confidence, stamp_ns, last_fill_ns, position))]
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
    let rules: Decisions = parse(py, "decisions", &json)?;
    let (side, decision) =
        match Filter::new(&rules, allow_short).judge(signal, confidence, stamp_ns, last_fill_ns, position) {
            Verdict::Order => (signal, Decision::Traded),
            Verdict::Pass(decision) => (0, decision),
            Verdict::AlreadyInPosition => (0, Decision::Position),
        };
    Ok((side, Decision::NAMES[decision as usize]))
}
