//! A run with what it takes to save it: hashes of its ledgers and inputs, and its named parts.

use std::borrow::Cow;

use crate::engine::simulation::Simulation;
use crate::error::Error;
use crate::ledger::hash::{self, Chain, Content, Hash, LedgerTable, PAGE_ROWS, SignalTable};
use crate::ledger::schema::{LEDGER_SCHEMA, TABLES};
use crate::ledger::tables::Ledger;
use crate::market::bars::Bars;
use crate::market::columns::Columns;
use crate::rules::Rules;
use crate::snapshot::container::{self, Header, LedgerMark};
use crate::snapshot::open_pages::{self, OpenPages};
use crate::snapshot::v1::Parts;
use crate::snapshot::v2::SnapshotV2;

/// Version of what the rules mean. It rises with every change that can change a result.
pub const SEMANTICS: u16 = 1;

/// A run that can be saved. Its hashes advance only when a save asks for them.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Run behind the hashes.
    pub run: Simulation,
    ledgers: [Chain; TABLES],
    taken: OpenPages,
    bars: Chain,
    signals: Chain,
    parent: Option<Hash>,
}

impl Saved {
    /// Wraps a run that has not been saved yet.
    #[must_use]
    pub fn new(run: Simulation) -> Self {
        let empty = Chain::default();
        let taken = OpenPages::default();
        Self { run, ledgers: [empty; TABLES], taken, bars: empty, signals: empty, parent: None }
    }

    /// Continues from an opened snapshot and the ledger written with it; also returns the parts it was saved with.
    ///
    /// The hashes of the inputs continue those of the snapshot. `taken` are the facts about rows before those of the
    /// ledger, as `taken` returned them.
    ///
    /// # Errors
    /// `IdentityMismatch` for a ledger other than the one it was saved with; `SnapshotCorrupt` for changed facts.
    pub fn restore(
        header: &Header,
        payload: SnapshotV2,
        ledger: Ledger,
        taken: Option<&[u8]>,
    ) -> Result<(Self, Parts), Error> {
        let not_one = Error::SnapshotInconsistent { what: "not exactly one symbol" };
        let (state, parts) = payload.into_state().ok_or(not_one)?;
        // Before the hashes, which slice every column by the length of the first.
        if let Some(name) = ledger.uneven_table() {
            return Err(Error::IdentityMismatch { part: format!("ledger {name}") });
        }
        let mut found = Self::new(Simulation::from_state(state, ledger));
        found.parent = part(&parts, "parent");
        if let Some(facts) = taken {
            let (taken, decisions, pages) = open_pages::open(facts)?;
            found.run = found.run.after(taken, decisions);
            found.ledgers = pages.before;
            found.taken = pages;
        }
        found.compare_ledgers(header)?;
        found.continue_inputs(header, &parts);
        Ok((found, parts))
    }

    /// Gives a restored run its bars from row 0 on: the hashes of its inputs begin with them.
    ///
    /// # Errors
    /// `IdentityMismatch` for fewer bars than the run has simulated.
    pub fn over(mut self, bars: &Bars<'_>) -> Result<Self, Error> {
        if (bars.len() as u64) < self.run.next_bar() {
            return Err(Error::IdentityMismatch { part: "bars".into() });
        }
        self.bars = Chain::default();
        self.signals = Chain::default();
        Ok(self)
    }

    /// Continues a restored run under other rules. `parent` is the lineage of the snapshot that it was restored from.
    ///
    /// # Errors
    /// As `over`, where the run has its `bars`; `Argument` for rules outside their ranges.
    pub fn fork(self, parent: Hash, rules: Rules, bars: Option<&Bars<'_>>) -> Result<Self, Error> {
        let found = match bars {
            Some(bars) => self.over(bars)?,
            None => self,
        };
        let earlier = bars.map(|bars| bars.rows(0, found.run.next_bar() as usize));
        Ok(Self { run: found.run.fork(rules, earlier.as_ref())?, parent: Some(parent), ..found })
    }

    /// Checks that the ledger is the one the snapshot was saved with.
    fn compare_ledgers(&mut self, header: &Header) -> Result<(), Error> {
        let marks = self.marks();
        let tables = LEDGER_SCHEMA.iter().zip(marks.iter().zip(&header.ledgers));
        for (table, (found, saved)) in tables {
            if found != saved {
                return Err(Error::IdentityMismatch { part: format!("ledger {}", table.name) });
            }
        }
        Ok(())
    }

    /// Continues the hashes of the inputs from those of the snapshot.
    fn continue_inputs(&mut self, header: &Header, parts: &Parts) {
        let paged_rows = header.bar / PAGE_ROWS as u64 * PAGE_ROWS as u64;
        let chain = |name| Chain { paged_rows, head: part(parts, name).unwrap_or_default() };
        self.bars = chain("bars_pages");
        self.signals = chain("signals_pages");
    }

    /// Returns named hashes of everything a run from arrays depends on, as far as it has come.
    ///
    /// Row 0 of `inputs` is row `first_row` of the run.
    ///
    /// # Errors
    /// `IdentityMismatch` for fewer rows than the run has simulated.
    pub fn parts(&mut self, inputs: &Columns<'_>, first_row: u64) -> Result<Parts, Error> {
        let rows = (self.run.next_bar() - first_row) as usize;
        if rows > inputs.bars.len().min(inputs.signals.len()) {
            return Err(Error::IdentityMismatch { part: "bars".into() });
        }
        let bars = inputs.bars.rows(0, rows);
        let confidence = inputs.confidence.map(|column| &column[..rows]);
        let signals = SignalTable(Columns { bars, signals: &inputs.signals[..rows], confidence });
        self.bars.advance(&bars, first_row);
        self.signals.advance(&signals, first_row);
        let spec = self.run.spec();
        let named = [
            ("bars", self.bars.tip(&bars, first_row)),
            ("bars_pages", self.bars.head),
            ("signals", self.signals.tip(&signals, first_row)),
            ("signals_pages", self.signals.head),
            ("rules", hashed(&container::encode(self.run.rules())?)),
            ("warm-up", hashed(&spec.warmup_bars.to_le_bytes())),
            ("timeframe", hashed(&spec.timeframe_ns.to_le_bytes())),
            ("capital", hashed(&spec.initial_capital.to_le_bytes())),
            ("symbol", hashed(spec.symbol.as_bytes())),
            ("semantics", hashed(&SEMANTICS.to_le_bytes())),
        ];
        let parent = self.parent.map(|hash| ("parent", hash));
        Ok(named.into_iter().chain(parent).map(|(name, hash)| (name.into(), hash)).collect())
    }

    /// Returns the run as bytes, with the identity that the named hashes make.
    ///
    /// # Errors
    /// As `seal_snapshot`.
    pub fn seal(&mut self, parts: Parts) -> Result<Vec<u8>, Error> {
        let header = Header { identity: hash::identity(&parts), bar: self.run.next_bar(), ledgers: self.marks() };
        container::seal(&header, &SnapshotV2::of(self.run.run_state(), parts))
    }

    /// Lets all rows of the ledger go. What metrics, hashes and later rows need of them stays.
    pub fn let_go(&mut self) {
        self.taken.take(self.run.ledger(), &self.run.spec().symbol, &mut self.ledgers);
        self.run.let_go();
    }

    /// Returns the facts about the rows that were let go, which `restore` needs beside the others; `None` without any.
    ///
    /// # Errors
    /// As `seal`.
    pub fn taken(&self) -> Result<Option<Vec<u8>>, Error> {
        let (taken, decisions) = self.run.taken();
        let none = taken.rows == [0; TABLES];
        if none { Ok(None) } else { open_pages::seal(taken, decisions, &self.taken).map(Some) }
    }

    fn marks(&mut self) -> [LedgerMark; TABLES] {
        let symbol = self.run.spec().symbol.as_str();
        let ledger = self.run.ledger();
        // A copy only where a page began with rows that were taken.
        let none = self.taken == OpenPages::default();
        let open = if none { Cow::Borrowed(ledger) } else { Cow::Owned(self.taken.followed_by(ledger)) };
        let mut tables = open.tables();
        std::array::from_fn(|place| {
            let table = LedgerTable { symbol, columns: std::mem::take(&mut tables[place]) };
            LedgerMark::of(&mut self.ledgers[place], &table, self.taken.before[place].paged_rows)
        })
    }
}

fn part(parts: &Parts, name: &str) -> Option<Hash> {
    parts.iter().find(|(known, _)| known == name).map(|(_, hash)| *hash)
}

fn hashed(value: &[u8]) -> Hash {
    Content::default().add(value).finish()
}
