//! What the screen is about: the newest figures, the last minutes, the processes, and how the
//! person at the keys wants to see them. Knows of no terminal.

use super::history::History;
use super::machine::Machine;
use super::process::{Process, Sort};
use host_metrics::figure::Figures;
use host_metrics::source::process::Fields;

/// What may be typed as a filter.
const FILTER_CHARS: usize = 64;

/// What does not change while one watches.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The machine's name.
    pub host: String,
    /// Its cores.
    pub cores: Option<u64>,
    /// Time between samples.
    pub interval_ns: u64,
    /// True if some processes were asked for.
    pub follows: bool,
    /// What is read of processes beside CPU time and memory.
    pub fields: Fields,
}

/// Cost of watching.
#[derive(Debug, Clone, Copy, Default)]
pub struct Own {
    /// CPU time of this program since the sample before, in cores.
    pub cores: Option<f64>,
    /// The most memory that it held.
    pub rss_max_bytes: Option<u64>,
    /// Samples that were due and not taken.
    pub missed: u64,
}

/// Everything that one sample brings.
#[derive(Debug, Default)]
pub struct News {
    /// End, on the monotonic clock.
    pub at_ns: u64,
    /// The time of day, as it is shown.
    pub clock: String,
    /// Figures of the machine.
    pub figures: Figures,
    /// Every process.
    pub processes: Vec<Process>,
    /// Readings that failed so far, with the reason.
    pub absent: Vec<(String, String)>,
    /// Cost of watching.
    pub own: Own,
}

/// The machine at one instant, and what led there.
#[derive(Debug, Clone)]
pub struct State {
    /// The newest figures.
    pub machine: Machine,
    /// The last minutes.
    pub history: History,
    /// Every process, in no order.
    pub processes: Vec<Process>,
    /// Readings that failed so far, with the reason.
    pub absent: Vec<(String, String)>,
    /// Cost of watching.
    pub own: Own,
    /// The time of day.
    pub clock: String,
}

/// What the screen shows, and how.
#[derive(Debug)]
pub struct Model {
    /// What does not change.
    pub about: About,
    /// What processes are ordered by.
    pub sort: Sort,
    /// The other way round.
    pub reversed: bool,
    /// What processes must have in them to be shown.
    pub filter: String,
    /// The keys explained.
    pub help: bool,
    /// Only those processes that were asked for.
    pub only_followed: bool,
    live: State,
    frozen: Option<Box<State>>,
    typing: Option<String>,
    first: usize,
    page: usize,
}

impl Model {
    /// Nothing seen yet.
    pub fn new(about: About) -> Self {
        let only_followed = about.follows;
        Self {
            live: State {
                machine: Machine::default(),
                history: History::new(about.interval_ns),
                processes: Vec::new(),
                absent: Vec::new(),
                own: Own::default(),
                clock: String::new(),
            },
            about,
            sort: Sort::Cpu,
            reversed: false,
            filter: String::new(),
            help: false,
            only_followed,
            frozen: None,
            typing: None,
            first: 0,
            page: 1,
        }
    }

    /// Takes in a sample. While paused it is kept for later: rates and history have no hole.
    pub fn take(&mut self, news: News) {
        let live = &mut self.live;
        live.machine.take(news.at_ns, news.figures);
        live.history
            .take(news.at_ns, &live.machine, self.about.cores);
        live.processes = news.processes;
        live.absent = news.absent;
        live.own = news.own;
        live.clock = news.clock;
        self.scroll(0);
    }

    /// What is shown: the newest, or what was newest when it was paused.
    pub fn shown(&self) -> &State {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// True if the screen stands still.
    pub fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// Lets the screen stand still, or go on.
    pub fn pause(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => Some(Box::new(self.live.clone())),
        };
        self.scroll(0);
    }

    /// The processes that pass the filter, in order.
    pub fn processes(&self) -> Vec<&Process> {
        let all = self.shown().processes.iter();
        let mut chosen: Vec<&Process> = all.filter(|process| self.passes(process)).collect();
        chosen.sort_by(|a, b| self.sort.order(self.reversed, a, b));
        chosen
    }

    /// What must be read of processes for what is shown: transfers once they are ordered by them.
    pub fn fields(&self) -> Fields {
        self.about.fields
    }

    /// Orders processes; asked for the same order again, the other way round.
    pub fn sort_by(&mut self, sort: Sort) {
        self.reversed = self.sort == sort && !self.reversed;
        self.sort = sort;
        self.about.fields.io |= sort == Sort::Io;
        self.first = 0;
    }

    /// Shows only those processes that were asked for, or all of them.
    pub fn toggle_followed(&mut self) {
        self.only_followed = self.about.follows && !self.only_followed;
        self.first = 0;
    }

    /// Begins to type a filter.
    pub fn begin_filter(&mut self) {
        self.typing = Some(self.filter.clone());
    }

    /// True if a filter is being typed.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// One more character of the filter; what cannot be seen is not typed.
    pub fn type_filter(&mut self, c: char) {
        if !c.is_control() && self.filter.chars().count() < FILTER_CHARS {
            self.filter.push(c);
            self.first = 0;
        }
    }

    /// One character less.
    pub fn erase_filter(&mut self) {
        self.filter.pop();
        self.first = 0;
    }

    /// The filter is typed: it stays, or the one before comes back.
    pub fn end_filter(&mut self, stays: bool) {
        if let (Some(before), false) = (self.typing.take(), stays) {
            self.filter = before;
        }
        self.first = 0;
    }

    /// Drops the filter; says whether there was one.
    pub fn drop_filter(&mut self) -> bool {
        self.first = 0;
        !std::mem::take(&mut self.filter).is_empty()
    }

    /// The first process shown, counted from the top of the list.
    pub fn first(&self) -> usize {
        self.first
    }

    /// Number of processes on a page.
    pub fn page(&self) -> usize {
        self.page
    }

    /// The screen has room for so many processes.
    pub fn set_page(&mut self, rows: usize) {
        self.page = rows.max(1);
        self.scroll(0);
    }

    /// Moves down the list, up where `rows` is negative; not past its ends.
    pub fn scroll(&mut self, rows: isize) {
        let all = self.shown().processes.iter();
        let count = all.filter(|process| self.passes(process)).count();
        let last = count.saturating_sub(self.page);
        self.first = self.first.saturating_add_signed(rows).min(last);
    }

    fn passes(&self, process: &Process) -> bool {
        let asked_for = !self.only_followed || process.follow.is_some();
        asked_for && (self.filter.is_empty() || process.matches(&self.filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::process::{CORES, MEMORY};

    fn process(pid: u32, name: &str, cores: f64) -> Process {
        Process {
            pid,
            name: name.to_owned(),
            command: None,
            follow: (name == "postgres").then(|| name.to_owned()),
            figures: vec![(CORES, cores), (MEMORY, 1.0)],
        }
    }

    fn seen(names: &[&str]) -> News {
        let numbered = (1..).zip(names);
        News {
            processes: numbered
                .map(|(pid, name)| process(pid, name, f64::from(100 - pid)))
                .collect(),
            ..News::default()
        }
    }

    fn shown(model: &Model) -> Vec<u32> {
        model.processes().iter().map(|p| p.pid).collect()
    }

    #[test]
    fn a_filter_can_be_typed_kept_and_dropped() {
        let mut model = Model::new(About::default());
        model.take(seen(&["postgres", "redis", "post"]));
        model.begin_filter();
        for c in "post\u{1b}\n".chars() {
            model.type_filter(c);
        }
        assert_eq!((model.filter.as_str(), shown(&model)), ("post", vec![1, 3]));
        model.end_filter(true);
        model.begin_filter();
        model.type_filter('g');
        assert_eq!(shown(&model), [1]);
        model.erase_filter();
        model.erase_filter();
        model.end_filter(false);
        assert_eq!(model.filter, "post");
        assert!(model.drop_filter() && !model.drop_filter());
        assert_eq!(shown(&model), [1, 2, 3]);
        model.begin_filter();
        for _ in 0..1000 {
            model.type_filter('x');
        }
        assert_eq!(model.filter.len(), FILTER_CHARS);
    }

    #[test]
    fn asked_twice_for_an_order_it_turns_round() {
        let mut model = Model::new(About::default());
        model.take(seen(&["b", "a", "c"]));
        assert_eq!(shown(&model), [1, 2, 3]);
        model.sort_by(Sort::Cpu);
        assert_eq!(shown(&model), [3, 2, 1]);
        model.sort_by(Sort::Name);
        assert_eq!(shown(&model), [2, 1, 3]);
        model.sort_by(Sort::Name);
        assert_eq!(shown(&model), [3, 1, 2]);
    }

    #[test]
    fn paused_it_stands_still_and_then_shows_what_came_meanwhile() {
        let mut model = Model::new(About::default());
        model.take(seen(&["a", "b"]));
        model.pause();
        model.take(seen(&["c"]));
        assert!(model.is_paused());
        assert_eq!(shown(&model), [1, 2]);
        model.pause();
        assert_eq!(shown(&model), [1]);
    }

    #[test]
    fn the_list_scrolls_to_its_ends_and_no_further() {
        let mut model = Model::new(About::default());
        model.take(seen(&["x"; 10]));
        model.set_page(4);
        model.scroll(-1);
        assert_eq!(model.first(), 0);
        model.scroll(isize::MAX);
        assert_eq!(model.first(), 6);
        model.scroll(-1);
        assert_eq!(model.first(), 5);
        model.take(seen(&["x"; 5]));
        assert_eq!(model.first(), 1);
        model.take(seen(&[]));
        assert_eq!(model.first(), 0);
    }

    #[test]
    fn those_asked_for_are_shown_first_and_all_on_request() {
        let mut model = Model::new(About {
            follows: true,
            ..About::default()
        });
        model.take(seen(&["redis", "postgres"]));
        assert_eq!(shown(&model), [2]);
        model.toggle_followed();
        assert_eq!(shown(&model), [1, 2]);
        let mut nobody = Model::new(About::default());
        nobody.toggle_followed();
        nobody.take(seen(&["redis"]));
        assert_eq!(shown(&nobody), [1]);
    }
}
