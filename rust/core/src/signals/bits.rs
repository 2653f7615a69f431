//! Signals of a block as bits, 64 rows a word: where an order may be placed, and where a decision is more than HOLD.

use std::ops::Range;

use wide::{f32x8, i8x32};

use crate::market::columns::Columns;
use crate::signals::filter::Filter;

/// Rows of a word.
const WORD_ROWS: usize = 64;

/// The rows of a block that matter to decisions.
///
/// A chain of orders asks for the next row that matters from one place after the other. A bit answers that without a
/// branch for each row, and without a second look at signals and confidences.
#[derive(Debug)]
pub(crate) struct SignalBits {
    /// Rows that pass the threshold and may place an order when short, flat and long.
    orders: [Vec<u64>; 3],
    /// Rows that have a signal or an undefined confidence.
    noted: Vec<u64>,
    /// Rows that have an undefined confidence.
    undefined: Vec<u64>,
    /// Rows that have a signal which passes the threshold.
    confident: Vec<u64>,
}

/// Rows of a word whose decision is more than HOLD, by what their confidence says.
#[derive(Debug)]
pub(crate) struct NotedWord {
    /// Number of the word.
    pub number: usize,
    /// Signals of its rows.
    pub signals: [i8; WORD_ROWS],
    /// Rows that have an undefined confidence.
    pub undefined: u64,
    /// Rows whose signal does not pass the threshold.
    pub unconfident: u64,
    /// Rows whose signal passes it.
    pub confident: u64,
}

impl SignalBits {
    /// Looks at the signals of a block.
    pub fn of(filter: &Filter, columns: &Columns<'_>) -> Self {
        let words = columns.signals.len().div_ceil(WORD_ROWS);
        let empty = || Vec::with_capacity(words);
        let orders = [(); 3].map(|()| empty());
        let mut bits = Self { orders, noted: empty(), undefined: empty(), confident: empty() };
        let wanted = [-1, 0, 1].map(|position| filter.orders(position).map(i8x32::splat));
        let (whole, rest) = columns.signals.as_chunks();
        for (word, signals) in whole.iter().enumerate() {
            let confidence = columns.confidence.and_then(|column| column[word * WORD_ROWS..].first_chunk());
            bits.push(filter, &wanted, signals, confidence);
        }
        if !rest.is_empty() {
            // Rows beyond the end have no signal.
            let signals = padded(rest, 0);
            let confidence = columns.confidence.map(|column| padded(&column[whole.len() * WORD_ROWS..], 0.0));
            bits.push(filter, &wanted, &signals, confidence.as_ref());
        }
        bits
    }

    fn push(
        &mut self,
        filter: &Filter,
        wanted: &[[i8x32; 6]; 3],
        signals: &[i8; WORD_ROWS],
        confidence: Option<&[f32; WORD_ROWS]>,
    ) {
        let (halves, _) = signals.as_chunks();
        let halves = [halves[0], halves[1]].map(i8x32::new);
        let undefined = confidence.map_or(0, |values| word_of(values, |lanes| lanes.simd_ne(lanes)));
        let silent = word(halves.map(|half| half.simd_eq(i8x32::ZERO)));
        self.noted.push(!silent | undefined);
        self.undefined.push(undefined);
        // Most words have no signal.
        if silent == u64::MAX {
            self.orders.iter_mut().chain([&mut self.confident]).for_each(|words| words.push(0));
            return;
        }
        let threshold = f32x8::splat(filter.threshold());
        let confident = confidence.map_or(u64::MAX, |values| word_of(values, |lanes| lanes.simd_ge(threshold)));
        let confident = if confidence.is_none() && !filter.is_confident(1.0) { 0 } else { confident };
        self.confident.push(confident & !silent);
        for (words, wanted) in self.orders.iter_mut().zip(wanted) {
            let any = |half: i8x32| wanted.iter().fold(i8x32::ZERO, |any, &order| any | half.simd_eq(order));
            words.push(word(halves.map(any)) & confident);
        }
    }

    /// Returns the first of `rows` that may place an order at a position of that direction.
    #[inline]
    pub fn next_order(&self, position: i8, rows: Range<usize>) -> Option<usize> {
        first_bit(&self.orders[(position + 1) as usize], rows)
    }

    /// Calls `see` with each of `rows` whose decision is more than HOLD, in order.
    #[inline]
    pub fn each_noted(&self, rows: Range<usize>, mut see: impl FnMut(usize)) {
        for word in rows.start / WORD_ROWS..rows.end.div_ceil(WORD_ROWS) {
            let mut left = self.noted[word] & bits_of(word, &rows);
            while left != 0 {
                see(word * WORD_ROWS + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// Returns the words of `rows` whose decisions are not all HOLD; `signals` are those that the bits were made from.
    #[inline]
    pub fn words<'a>(&'a self, signals: &'a [i8], rows: Range<usize>) -> impl Iterator<Item = NotedWord> + 'a {
        let numbers = rows.start / WORD_ROWS..rows.end.div_ceil(WORD_ROWS);
        let noted = numbers.map(move |number| (number, self.noted[number] & bits_of(number, &rows)));
        noted.filter(|&(_, noted)| noted != 0).map(|(number, noted)| {
            let undefined = self.undefined[number] & noted;
            let confident = self.confident[number] & noted;
            let rest = &signals[number * WORD_ROWS..];
            let signals = rest.first_chunk().copied().unwrap_or_else(|| padded(rest, 0));
            NotedWord { number, signals, undefined, unconfident: noted & !(undefined | confident), confident }
        })
    }
}

/// Returns the rows of a word that have that signal.
#[inline]
pub(crate) fn rows_with(signals: &[i8; WORD_ROWS], signal: i8) -> u64 {
    let (halves, _) = signals.as_chunks();
    word([halves[0], halves[1]].map(|half| i8x32::new(half).simd_eq(i8x32::splat(signal))))
}

/// Rows of a block as bits.
#[derive(Debug)]
pub(crate) struct RowBits(Vec<u64>);

impl RowBits {
    /// Starts with none of so many rows.
    pub fn none(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(WORD_ROWS)])
    }

    /// Adds a range of rows.
    #[inline]
    pub fn add(&mut self, rows: &Range<usize>) {
        for word in rows.start / WORD_ROWS..rows.end.div_ceil(WORD_ROWS) {
            self.0[word] |= bits_of(word, rows);
        }
    }

    /// Returns the rows of a word.
    #[inline]
    pub fn word(&self, number: usize) -> u64 {
        self.0[number]
    }

    /// Returns true if a row is among them.
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        self.0[row / WORD_ROWS] >> (row % WORD_ROWS) & 1 != 0
    }
}

/// Returns the bits of a word that are rows of a range, which has rows in it.
#[inline]
fn bits_of(word: usize, rows: &Range<usize>) -> u64 {
    let first = word * WORD_ROWS;
    let before = rows.start.saturating_sub(first);
    let behind = (first + WORD_ROWS).saturating_sub(rows.end);
    if before + behind >= WORD_ROWS { 0 } else { (u64::MAX << before) & (u64::MAX >> behind) }
}

#[inline]
fn first_bit(words: &[u64], rows: Range<usize>) -> Option<usize> {
    let mut word = rows.start / WORD_ROWS;
    let mut left = words.get(word)? & (u64::MAX << (rows.start % WORD_ROWS));
    while left == 0 {
        word += 1;
        if word * WORD_ROWS >= rows.end {
            return None;
        }
        left = words[word];
    }
    let row = word * WORD_ROWS + left.trailing_zeros() as usize;
    (row < rows.end).then_some(row)
}

fn word([first, second]: [i8x32; 2]) -> u64 {
    u64::from(first.to_bitmask()) | u64::from(second.to_bitmask()) << 32
}

fn word_of(values: &[f32; WORD_ROWS], test: impl Fn(f32x8) -> f32x8) -> u64 {
    let lanes = values.as_chunks().0.iter().zip((0..).step_by(8));
    lanes.fold(0, |word, (lanes, first)| word | u64::from(test(f32x8::new(*lanes)).to_bitmask()) << first)
}

fn padded<T: Copy>(values: &[T], beyond: T) -> [T; WORD_ROWS] {
    std::array::from_fn(|row| values.get(row).copied().unwrap_or(beyond))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{NotedWord, RowBits, SignalBits, rows_with};
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;
    use crate::rules::{Decisions, Filters};
    use crate::signals::filter::{Decision, Filter};

    /// Every row and every end, with thresholds on and off the grid of confidences.
    #[test]
    fn bits_equal_a_look_at_each_row() {
        let signals: Vec<i8> = (0..150).map(|row| [0, 1, 0, 3, -1, 0, -3, -2, 2, 4, 0, 0, 0][row * 7 % 13]).collect();
        let confidence: Vec<f32> =
            (0..150).map(|row| if row % 9 == 0 { f32::NAN } else { row as f32 / 150.0 }).collect();
        let filters = Filters { min_signal_separation: 0.0 };
        for (threshold, short) in [(0.0, true), (0.3, false), (0.5, true), (1.0, true)] {
            let rules = Decisions {
                confidence_threshold: threshold,
                position_awareness: true,
                allow_short_from_flat: short,
                filters,
            };
            let filter = Filter::new(&rules, true);
            for confidence in [None, Some(confidence.as_slice())] {
                for rows in [0, 1, 63, 64, 65, 128, 150] {
                    let columns = Columns {
                        bars: Bars::new(&[], &[], &[], &[], &[]),
                        signals: &signals[..rows],
                        confidence: confidence.map(|column| &column[..rows]),
                    };
                    compare(&filter, &columns);
                }
            }
        }
    }

    #[test]
    fn added_rows_are_had_and_no_others() {
        for start in 0..130 {
            for end in start..=130 {
                let mut rows = RowBits::none(130);
                rows.add(&(start..end));
                assert!((0..130).all(|row| rows.has(row) == (start..end).contains(&row)), "{start}..{end}");
            }
        }
    }

    fn compare(filter: &Filter, columns: &Columns<'_>) {
        let bits = SignalBits::of(filter, columns);
        let rows = columns.signals.len();
        let judged =
            |row: usize, position| filter.judge(columns.signals[row], columns.confidence(row), 0, None, position);
        for from in 0..rows {
            for end in [from, from + 1, rows] {
                for position in [-1, 0, 1] {
                    let plain = (from..end).find(|&row| judged(row, position).is_order());
                    assert_eq!(bits.next_order(position, from..end), plain, "{position} {from}..{end}");
                    let noted: Vec<usize> =
                        (from..end).filter(|&row| judged(row, position).decision() != Decision::Hold).collect();
                    let mut seen = Vec::new();
                    bits.each_noted(from..end, |row| seen.push(row));
                    assert_eq!(seen, noted, "{from}..{end}");
                }
                compare_words(&bits, filter, columns, from..end);
            }
        }
    }

    fn compare_words(bits: &SignalBits, filter: &Filter, columns: &Columns<'_>, rows: Range<usize>) {
        let mut seen = [const { Vec::new() }; 3];
        for NotedWord { number, signals, undefined, unconfident, confident } in
            bits.words(columns.signals, rows.clone())
        {
            for place in 0..64 {
                for (seen, word) in seen.iter_mut().zip([undefined, unconfident, confident]) {
                    if word >> place & 1 == 1 {
                        seen.push(64 * number + place);
                    }
                }
            }
            let buys = (0..64).filter(|&place| signals[place] == 1).fold(0, |word, place| word | 1 << place);
            assert_eq!(rows_with(&signals, 1), buys);
        }
        let confidence = |row: &usize| columns.confidence(*row);
        let expected: [Vec<usize>; 3] = [
            rows.clone().filter(|row| confidence(row).is_nan()).collect(),
            rows.clone().filter(|row| columns.signals[*row] != 0 && confidence(row) < filter.threshold()).collect(),
            rows.clone().filter(|row| columns.signals[*row] != 0 && confidence(row) >= filter.threshold()).collect(),
        ];
        assert_eq!(seen, expected, "{rows:?}");
    }
}
