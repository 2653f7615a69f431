//! A run of the core, driven from Python by columns.

use ktrdr_core::{Columns, Parts, Rules, RunSpec, Saved, Simulation as Run, Undefined, result_hash};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::{BarColumns, Column, parse, slice};
use crate::errors::raise;
use crate::ledger;
use crate::snapshot::Snapshot;

/// Name, value and reason of every metric, sorted by name; returns in blocks; periods of a year; Sundays in Mondays.
type Report = (Vec<(&'static str, Option<f64>, Option<&'static str>)>, Option<Vec<(u64, f64, f64)>>, f64, bool);

/// One run: bars and signals in, ledger and metrics out.
#[pyclass(module = "ktrdr._core")]
pub struct Simulation {
    saved: Saved,
}

#[pymethods]
impl Simulation {
    /// Prepares a run before its first bar; `stamps` of all bars, or None if its length is not known.
    ///
    /// With `checks_prices` the run checks prices as they come by, of which only the stamps were checked. Without
    /// `keeps_curve` it keeps no row per bar: no equity curve and no decisions, of which it counts each. So many
    /// `threads` work on the run.
    #[new]
    #[pyo3(signature = (rules, symbol, timeframe_ns, initial_capital, warmup_bars, stamps, checks_prices=false, keeps_curve=true, threads=1))]
    fn new(
        py: Python<'_>,
        rules: &str,
        symbol: String,
        timeframe_ns: i64,
        initial_capital: f64,
        warmup_bars: u64,
        stamps: Option<PyReadonlyArray1<'_, i64>>,
        checks_prices: bool,
        keeps_curve: bool,
        threads: usize,
    ) -> PyResult<Self> {
        let rules: Rules = parse(py, "rules", rules)?;
        let spec = RunSpec { symbol, timeframe_ns, initial_capital, warmup_bars, record_decisions: true };
        let run = Run::over(rules, spec, slice(stamps.as_ref())?).map_err(|error| raise(py, &error))?;
        let run = if checks_prices { run.checking_prices() } else { run }.with_threads(threads);
        Ok(Self { saved: Saved::new(if keeps_curve { run } else { run.without_curve() }) })
    }

    /// Continues from a snapshot and the ledger written so far; also returns the named hashes it was saved with.
    ///
    /// The ledger has rows that were taken as `taken`, the bytes that the run returned.
    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: &Snapshot, ledger: &Bound<'_, PyDict>) -> PyResult<(Self, Parts)> {
        let taken: Option<Vec<u8>> = ledger.get_item("taken")?.map(|taken| taken.extract()).transpose()?;
        let ledger = ledger::read(ledger)?;
        let saved = || Saved::restore(&snapshot.header, snapshot.payload.clone(), ledger, taken.as_deref());
        py.detach(saved).map(|(saved, parts)| (Self { saved }, parts)).map_err(|error| raise(py, &error))
    }

    /// Returns a copy of a restored run with its bars from row 0 on at hand.
    fn over(&self, py: Python<'_>, bars: BarColumns<'_>) -> PyResult<Self> {
        self.saved.clone().over(&bars.bars()?).map(|saved| Self { saved }).map_err(|error| raise(py, &error))
    }

    /// Returns a copy of a restored run under other rules; `parent` is the lineage of its snapshot.
    fn fork(&self, py: Python<'_>, parent: [u8; 32], rules: &str, bars: Option<BarColumns<'_>>) -> PyResult<Self> {
        let rules: Rules = parse(py, "rules", rules)?;
        let bars = bars.as_ref().map(BarColumns::bars).transpose()?;
        let saved = self.saved.clone().fork(parent, rules, bars.as_ref());
        saved.map(|saved| Self { saved }).map_err(|error| raise(py, &error))
    }

    /// Simulates the rows of `bars` from `row` on that have a signal; `last` ends the run with them.
    fn advance(
        &mut self,
        py: Python<'_>,
        bars: BarColumns<'_>,
        row: usize,
        signals: PyReadonlyArray1<'_, i8>,
        confidence: Option<PyReadonlyArray1<'_, f32>>,
        last: bool,
    ) -> PyResult<()> {
        let bars = bars.bars()?;
        let signals = signals.as_slice()?;
        let confidence = slice(confidence.as_ref())?;
        py.detach(|| Columns::beside(&bars, row, signals, confidence).and_then(|rows| self.saved.run.feed(&rows, last)))
            .map_err(|error| raise(py, &error))
    }

    /// Tries the run under other rules: `changes` are JSON, `choices` `[n_scenarios, n_rules]` picks among them.
    ///
    /// Returns metrics, returns in blocks, and the error of each scenario, row by row.
    #[allow(clippy::type_complexity)]
    fn sweep<'py>(
        &self,
        py: Python<'py>,
        bars: BarColumns<'py>,
        signals: PyReadonlyArray1<'py, i8>,
        confidence: Option<PyReadonlyArray1<'py, f32>>,
        changes: &str,
        choices: PyReadonlyArray2<'py, i32>,
        threads: usize,
    ) -> PyResult<(Column<'py, f64>, Column<'py, f64>, Vec<Option<String>>)> {
        let changes: Vec<_> = parse(py, "changes", changes)?;
        let choices = choices.as_slice()?;
        let rows =
            Columns { bars: bars.bars()?, signals: signals.as_slice()?, confidence: slice(confidence.as_ref())? };
        let found = py.detach(|| ktrdr_core::sweep(&self.saved.run, rows, &changes, choices, threads));
        crate::give_back();
        let found = found.map_err(|error| raise(py, &error))?;
        Ok((found.values.into_pyarray(py), found.blocks.into_pyarray(py), found.errors))
    }

    /// Returns named hashes of the inputs so far; row 0 of the columns is row `first_row` of the run.
    fn parts(
        &mut self,
        py: Python<'_>,
        bars: BarColumns<'_>,
        first_row: u64,
        signals: PyReadonlyArray1<'_, i8>,
        confidence: Option<PyReadonlyArray1<'_, f32>>,
    ) -> PyResult<Parts> {
        let rows =
            Columns { bars: bars.bars()?, signals: signals.as_slice()?, confidence: slice(confidence.as_ref())? };
        py.detach(|| self.saved.parts(&rows, first_row)).map_err(|error| raise(py, &error))
    }

    /// Returns the state as bytes, with the identity that the named hashes make.
    fn snapshot<'py>(&mut self, py: Python<'py>, parts: Parts) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.saved.seal(parts)).map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Lets the rows of the ledger go, which the caller has taken.
    fn let_go(&mut self) {
        self.saved.let_go();
    }

    /// Returns what `restore` needs of the rows that were taken; None without any.
    fn taken(&self, py: Python<'_>) -> PyResult<Option<Vec<u8>>> {
        self.saved.taken().map_err(|error| raise(py, &error))
    }

    /// Returns the metrics of the run so far.
    fn metrics(&self) -> Report {
        let set = self.saved.run.metrics(Some(&self.saved.run.ledger().trades.bars_held));
        let values =
            set.values.iter().map(|(name, value)| (*name, value.ok(), value.err().map(Undefined::name))).collect();
        let blocks = set.blocks.map(|blocks| blocks.iter().map(|b| (b.count, b.sum, b.sum_of_squares)).collect());
        (values, blocks, set.periods_per_year, set.sundays_join)
    }

    /// Returns the columns of one ledger by name, from row `first` on; those of a run that has ended cannot be written.
    #[pyo3(signature = (name, first=0))]
    fn table<'py>(slf: &Bound<'py, Self>, name: &str, first: usize) -> PyResult<Bound<'py, PyDict>> {
        let run = &slf.borrow().saved.run;
        let columns = run.view().columns(name, first).map_err(|error| raise(slf.py(), &error))?;
        ledger::write(slf.py(), columns, run.ended().then(|| slf.as_any()))
    }

    /// Returns cash, quantity and drawdown of the rows of the equity table from `first` on that have a bar in `bars`.
    fn equity_columns<'py>(
        &self,
        py: Python<'py>,
        bars: BarColumns<'py>,
        first: usize,
    ) -> PyResult<[Column<'py, f64>; 3]> {
        let bars = bars.bars()?;
        let columns = self.saved.run.equity_columns(first..first + bars.len(), &bars);
        Ok(columns.map_err(|error| raise(py, &error))?.map(|column| column.into_pyarray(py)))
    }

    /// Returns how often each decision was made, in the order of `DECISIONS`.
    fn decision_counts(&self) -> Vec<u64> {
        self.saved.run.decision_counts().into()
    }

    /// Returns BLAKE3 over fills, trades, equity at `times`, and metrics sorted by name.
    ///
    /// A `ledger` that was read back from a store takes the place of the run's own. It needs those numbers of rows.
    #[pyo3(signature = (times, fills, trades, metrics, ledger=None))]
    fn result_hash<'py>(
        &self,
        py: Python<'py>,
        times: PyReadonlyArray1<'py, i64>,
        fills: usize,
        trades: usize,
        metrics: Vec<(String, Option<f64>)>,
        ledger: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let run = &self.saved.run;
        let times = times.as_slice()?;
        let stored = ledger.map(ledger::read).transpose()?;
        let ledger = stored.as_ref().map_or_else(|| run.view().whole(), Ok).map_err(|error| raise(py, &error))?;
        let hash = py.detach(|| result_hash(&run.spec().symbol, ledger, [fills, trades], times, &metrics));
        Ok(PyBytes::new(py, &hash))
    }

    /// Digest of the closes and conversion rates that this object has looked at.
    #[getter]
    fn marks_digest(&self) -> u64 {
        self.saved.run.marks_digest()
    }

    /// Rules of the run as JSON.
    #[getter]
    fn rules(&self) -> String {
        serde_json::to_string(self.saved.run.rules()).unwrap_or_default()
    }

    /// Name of the instrument.
    #[getter]
    fn symbol(&self) -> &str {
        &self.saved.run.spec().symbol
    }

    /// Length of a bar, ns.
    #[getter]
    fn timeframe_ns(&self) -> i64 {
        self.saved.run.spec().timeframe_ns
    }

    /// Index of the first simulated bar.
    #[getter]
    fn warmup_bars(&self) -> u64 {
        self.saved.run.spec().warmup_bars
    }

    /// Index of the next bar.
    #[getter]
    fn next_bar(&self) -> u64 {
        self.saved.run.next_bar()
    }

    /// Stamp of the last bar, ns UTC; None before the first.
    #[getter]
    fn last_ns(&self) -> Option<i64> {
        self.saved.run.last_ns()
    }

    /// True if the last bar has been simulated.
    #[getter]
    fn ended(&self) -> bool {
        self.saved.run.ended()
    }

    /// Equity at the last mark.
    #[getter]
    fn equity(&self) -> f64 {
        self.saved.run.equity()
    }

    /// Number of rows of fills, trades, equity, refused, decisions.
    #[getter]
    fn row_counts(&self) -> (usize, usize, usize, usize, usize) {
        self.saved.run.view().rows().into()
    }

    /// The open position as JSON; None when flat.
    #[getter]
    fn position(&self) -> Option<String> {
        serde_json::to_string(self.saved.run.position()?).ok()
    }

    /// Gross profit of the open position at the last mark, account currency.
    #[getter]
    fn open_gross(&self) -> f64 {
        self.saved.run.open_gross()
    }
}
