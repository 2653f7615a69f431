//! Membership functions: the degree to which a value belongs to a fuzzy set.
//!
//! Degrees lie in 0..=1; NaN gives NaN. Everything is computed in `f64`; the feature matrix is `f32`, so the cast comes
//! last. One implementation serves training, backtest and single bars.

use std::thread;

use crate::error::{Error, Problem};

/// A membership function with its parameters, already validated by the strategy grammar.
///
/// ```
/// use ktrdr_core::Membership;
///
/// let triangle = Membership::from_name("triangular", &[0.0, 2.0, 6.0])?;
/// let mut degrees = vec![0.0; 3];
/// triangle.each(&[1.0, 2.0, 3.0], |index, degree| degrees[index] = degree);
/// assert_eq!(degrees, [0.5, 1.0, 0.75]);
/// assert!(Membership::from_name("triangular", &[0.0]).is_err());
/// # Ok::<(), ktrdr_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Membership {
    /// 0 outside `a..=c`, 1 at `b`, linear between; `a == b` or `b == c` makes that side a step, which takes values
    /// beside it that differ by rounding only.
    Triangular {
        /// Left foot of the shape.
        a: f64,
        /// Peak of the shape.
        b: f64,
        /// Right foot of the shape.
        c: f64,
    },
    /// 1 on all of `b..=c`, 0 outside `a..=d`, linear between.
    Trapezoidal {
        /// Left foot of the shape.
        a: f64,
        /// Left end of the plateau.
        b: f64,
        /// Right end of the plateau.
        c: f64,
        /// Right foot of the shape.
        d: f64,
    },
    /// `exp(-(x - mu)^2 / (2 sigma^2))`.
    Gaussian {
        /// Centre of the bell.
        mu: f64,
        /// Width of the bell, above 0.
        sigma: f64,
    },
    /// `1 / (1 + exp(-slope (x - center)))`.
    Sigmoid {
        /// Value at which the degree is one half.
        center: f64,
        /// Steepness at the centre, not 0; a negative one falls.
        slope: f64,
    },
}

impl Membership {
    /// Name of every function, with the names of its parameters in their order.
    pub const KINDS: [(&'static str, &'static [&'static str]); 4] = [
        ("triangular", &["a", "b", "c"]),
        ("trapezoidal", &["a", "b", "c", "d"]),
        ("gaussian", &["mu", "sigma"]),
        ("sigmoid", &["center", "slope"]),
    ];

    /// Returns the function of that name.
    ///
    /// # Errors
    /// `Argument` for another name or a wrong number of parameters.
    pub fn from_name(name: &str, parameters: &[f64]) -> Result<Self, Error> {
        match (name, parameters) {
            ("triangular", &[a, b, c]) => Ok(Self::Triangular { a, b, c }),
            ("trapezoidal", &[a, b, c, d]) => Ok(Self::Trapezoidal { a, b, c, d }),
            ("gaussian", &[mu, sigma]) => Ok(Self::Gaussian { mu, sigma }),
            ("sigmoid", &[center, slope]) => Ok(Self::Sigmoid { center, slope }),
            _ => {
                let problem = Problem::NoMembership { kind: name.to_owned(), parameters: parameters.len() };
                Err(Error::Argument { name: "kind", problem })
            }
        }
    }

    /// Writes the degree of every value through `put(index, degree)`.
    ///
    /// The kind is matched once, outside the loop, so that the compiler can use vector lanes.
    pub fn each(&self, values: &[f64], put: impl FnMut(usize, f64)) {
        match *self {
            Self::Triangular { a, b, c } => flat_top(values, [a, b, b, c], put),
            Self::Trapezoidal { a, b, c, d } => flat_top(values, [a, b, c, d], put),
            Self::Gaussian { mu, sigma } => apply(values, |x| gaussian(x, mu, sigma), put),
            Self::Sigmoid { center, slope } => apply(values, |x| sigmoid(x, center, slope), put),
        }
    }
}

#[inline(always)]
fn apply(values: &[f64], degree: impl Fn(f64) -> f64, mut put: impl FnMut(usize, f64)) {
    for (index, &value) in values.iter().enumerate() {
        put(index, degree(value));
    }
}

/// Writes the degrees of a shape with a flat top.
fn flat_top(values: &[f64], [a, b, c, d]: [f64; 4], put: impl FnMut(usize, f64)) {
    let farthest = a.abs().max(d.abs());
    let left = if a == b { rounding(b, farthest) } else { 0.0 };
    let right = if c == d { rounding(c, farthest) } else { 0.0 };
    apply(values, |x| plateau(x, a - left, b - left, c + right, d + right), put);
}

/// Returns the distance within which a value equals the step at `corner`: 1e-9 of it. At 0 it is 1e-9, or 1e-9 of a
/// shape whose corners are all nearer to 0 than 1.
fn rounding(corner: f64, farthest: f64) -> f64 {
    let scale = if corner != 0.0 {
        corner.abs()
    } else if farthest > 0.0 {
        farthest.min(1.0)
    } else {
        1.0
    };
    STEP_ROUNDING * scale
}

/// Returns the degree of a shape with a flat top. A step needs no special case: the division by zero gives -inf, which
/// the clamp makes 0.
#[inline(always)]
fn plateau(x: f64, a: f64, b: f64, c: f64, d: f64) -> f64 {
    let rise = if x < b { (x - a) / (b - a) } else { 1.0 };
    let fall = if x > c { (d - x) / (d - c) } else { 1.0 };
    let lower = if rise < fall { rise } else { fall };
    let degree = if lower > 0.0 { lower } else { 0.0 };
    if x.is_nan() { x } else { degree }
}

/// Returns the degree of a bell. The distance is scaled before it is squared: the square of a narrow width would vanish
/// and make 0 / 0 of the centre.
#[inline(always)]
fn gaussian(x: f64, mu: f64, sigma: f64) -> f64 {
    let distance = (x - mu) / sigma;
    libm::exp(-0.5 * (distance * distance))
}

#[inline(always)]
fn sigmoid(x: f64, center: f64, slope: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-slope * (x - center)))
}

/// Relative distance that rounding may put between a value and a step.
///
/// Running sums of indicators leave residues of 1e-15 to 1e-10, and a step would turn them into 0 or 1.
const STEP_ROUNDING: f64 = 1e-9;

/// Rows filled at a time: their part of the matrix and one column of degrees stay in the first cache.
const DEGREE_ROWS: usize = 256;

/// Rows below which a second thread costs more than it saves.
const THREAD_ROWS: usize = 65_536;

/// One column of a row-major matrix, with its function and the values whose degrees it holds.
#[derive(Debug, Clone, Copy)]
pub struct DegreeColumn<'a> {
    /// Index of the column in a row.
    pub index: usize,
    /// Function of the degrees.
    pub membership: Membership,
    /// Values of the column, `[n_rows]`.
    pub values: &'a [f64],
}

/// Writes the degrees of every column into the matrix `cells`, rows of `width`, the cast to `f32` last.
///
/// Two threads share a long matrix. Each cell depends on its own value only, so that changes no bit.
///
/// # Errors
/// `Argument` for a column outside the width, or with another number of values than the matrix has rows.
pub fn fill(cells: &mut [f32], width: usize, columns: &[DegreeColumn<'_>]) -> Result<(), Error> {
    let rows = cells.len() / width.max(1);
    if !columns.iter().all(|column| column.index < width && column.values.len() == rows) {
        return Err(Error::Argument { name: "fills", problem: Problem::ColumnMisfit });
    }
    if rows < THREAD_ROWS {
        fill_rows(cells, width, columns, 0);
        return Ok(());
    }
    let (upper, lower) = cells.split_at_mut(rows / 2 * width);
    let is_shared = thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, || fill_rows(upper, width, columns, 0));
        fill_rows(lower, width, columns, rows / 2);
        other.is_ok()
    });
    // A system that gives no more threads is no reason to stop.
    if !is_shared {
        fill_rows(upper, width, columns, 0);
    }
    Ok(())
}

/// Fills the rows that `cells` holds, the first of which is row `first` of the matrix.
fn fill_rows(cells: &mut [f32], width: usize, columns: &[DegreeColumn<'_>], first: usize) {
    let mut degrees = [0.0_f32; DEGREE_ROWS];
    for (number, block) in cells.chunks_mut(DEGREE_ROWS * width.max(1)).enumerate() {
        let start = first + number * DEGREE_ROWS;
        for column in columns {
            let values = &column.values[start..start + block.len() / width];
            // Side by side first, so that the function vectorises; then scattered into the rows.
            column.membership.each(values, |row, degree| degrees[row] = degree as f32);
            for (row, &degree) in block.chunks_exact_mut(width).zip(&degrees) {
                row[column.index] = degree;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DEGREE_ROWS, DegreeColumn, Membership, THREAD_ROWS, fill};

    fn degrees(name: &str, parameters: &[f64], values: &[f64]) -> Vec<f64> {
        let membership = Membership::from_name(name, parameters).expect("a known function");
        let mut found = vec![-1.0; values.len()];
        membership.each(values, |index, degree| found[index] = degree);
        found
    }

    #[test]
    fn triangular_is_linear_between_feet_and_peak() {
        let found = degrees("triangular", &[0.0, 2.0, 6.0], &[-1.0, 0.0, 1.0, 2.0, 3.0, 6.0, 7.0]);
        assert_eq!(found, [0.0, 0.0, 0.5, 1.0, 0.75, 0.0, 0.0]);
    }

    #[test]
    fn equal_corners_are_steps() {
        assert_eq!(degrees("triangular", &[2.0, 2.0, 4.0], &[1.999, 2.0, 3.0]), [0.0, 1.0, 0.5]);
        assert_eq!(degrees("triangular", &[2.0, 4.0, 4.0], &[3.0, 4.0, 4.001]), [0.5, 1.0, 0.0]);
        assert_eq!(degrees("triangular", &[2.0, 2.0, 2.0], &[1.9, 2.0, 2.1]), [0.0, 1.0, 0.0]);
        assert_eq!(degrees("trapezoidal", &[2.0, 2.0, 4.0, 4.0], &[1.9, 2.0, 4.0, 4.1]), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_step_takes_a_value_that_differs_by_rounding_and_no_other() {
        assert_eq!(degrees("triangular", &[0.0, 0.0, 20.0], &[-1.2e-15, 0.0, -2e-9, -1e-3]), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(degrees("triangular", &[80.0, 100.0, 100.0], &[100.000_000_000_1, 100.000_001]), [1.0, 0.0]);
        assert_eq!(degrees("trapezoidal", &[30.0, 30.0, 1e9, 1e9], &[29.999_999_999_999, 29.999_999]), [1.0, 0.0]);
        assert_eq!(degrees("triangular", &[0.0, 0.0, 0.0], &[-1e-15, 1e-15, 1e-8]), [1.0, 1.0, 0.0]);
        // Between zero and the corner of a tiny shape there is no room for an absolute distance.
        assert_eq!(degrees("triangular", &[0.0, 0.0, 1e-12], &[-1e-13, -1e-23]), [0.0, 1.0]);
        // A slope needs no such room.
        assert_eq!(degrees("triangular", &[0.0, 10.0, 20.0], &[-1e-15, 20.000_000_000_001]), [0.0, 0.0]);
    }

    #[test]
    fn trapezoidal_is_one_on_its_plateau() {
        let found = degrees("trapezoidal", &[0.0, 1.0, 2.0, 4.0], &[0.5, 1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(found, [0.5, 1.0, 1.0, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn smooth_ones_follow_their_formulas() {
        // exp(-1/2) one sigma out; one half at the centre; 1 / (1 + e^2) one left of it at slope 2.
        assert_eq!(degrees("gaussian", &[1.0, 2.0], &[1.0, 3.0]), [1.0, (-0.5_f64).exp()]);
        let found = degrees("sigmoid", &[1.0, 2.0], &[1.0, 0.0]);
        assert_eq!(found[0], 0.5);
        assert!((found[1] - 1.0 / (1.0 + 2.0_f64.exp())).abs() < 1e-15);
    }

    #[test]
    fn undefined_stays_undefined_and_infinity_does_not() {
        for (name, parameters) in [("triangular", vec![0.0, 1.0, 2.0]), ("gaussian", vec![0.0, 1.0])] {
            let found = degrees(name, &parameters, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
            assert!(found[0].is_nan());
            assert_eq!(&found[1..], [0.0, 0.0]);
        }
    }

    #[test]
    fn every_kind_has_its_parameters() {
        for (name, parameters) in Membership::KINDS {
            for count in 0..6 {
                let found = Membership::from_name(name, &vec![1.0; count]);
                assert_eq!(found.is_ok(), count == parameters.len(), "{name} {count}");
            }
        }
    }

    #[test]
    fn a_wrong_count_is_no_function() {
        assert!(Membership::from_name("triangular", &[1.0, 2.0]).is_err());
        assert!(Membership::from_name("bell", &[1.0, 2.0]).is_err());
    }

    #[test]
    fn a_narrow_gaussian_is_still_one_at_its_centre() {
        assert_eq!(degrees("gaussian", &[5.0, 1e-200], &[5.0, 5.1]), [1.0, 0.0]);
    }

    #[test]
    fn a_matrix_holds_the_degrees_cast_last_however_many_rows_it_has() {
        for rows in [0, 1, DEGREE_ROWS - 1, DEGREE_ROWS + 1, THREAD_ROWS - 1, THREAD_ROWS + 777] {
            let values: Vec<f64> = (0..rows).map(|row| (row as f64 * 0.7).sin() * 80.0).collect();
            let cases = [("gaussian", vec![5.0, 20.0]), ("triangular", vec![-10.0, 0.0, 40.0])];
            let columns: Vec<DegreeColumn<'_>> = cases
                .iter()
                .enumerate()
                .map(|(k, (name, parameters))| DegreeColumn {
                    index: 2 - k,
                    membership: Membership::from_name(name, parameters).expect("a known function"),
                    values: &values,
                })
                .collect();
            let mut cells = vec![-1.0_f32; rows * 3];
            fill(&mut cells, 3, &columns).expect("columns that fit");
            assert!(fill(&mut cells, 2, &columns).is_err());
            let (bell, triangle) =
                (degrees("gaussian", &cases[0].1, &values), degrees("triangular", &cases[1].1, &values));
            for row in 0..rows {
                let expected = [-1.0, triangle[row] as f32, bell[row] as f32];
                assert_eq!(cells[row * 3..row * 3 + 3], expected, "row {row} of {rows}");
            }
        }
    }
}
