//! The loop that a guest spends its life in: poll, wait, poll.

use crate::exit::Exit;
use crate::pc::{Card, Machine};
use crate::start::{fail, say, say_part};
use crate::x86_64::{cpu, power};
use applgen_net::{Console, Line, Server, Setup};

/// How often the device is asked whether it still works, in microseconds.
const CHECK_MICROS: u64 = 1_000_000;

/// Lines go to the machine's console.
struct Screen {
    /// The time stamp counter at the start, if the ticks from there to the first
    /// socket are to be told.
    since: Option<u64>,
}

impl Console for Screen {
    fn line(&mut self, kind: Line, text: &str) {
        if kind == Line::Listening
            && let Some(since) = self.since.take()
        {
            say(&[&"ticks ", &cpu::tsc().wrapping_sub(since)]);
        }
        say(&[&text]);
    }

    fn access(&mut self, part: &str) {
        say_part(part);
    }
}

/// Serves until the power button is pressed.
pub fn serve<'b>(mut machine: Machine, mut card: Card, setup: &Setup<'b>, since: Option<u64>) -> ! {
    let mut screen = Screen { since };
    let mut server = match Server::new(setup) {
        Ok(server) => server,
        Err(error) => fail(exit_for(&error), &[&error]),
    };
    let mut checked = 0;
    loop {
        let now = machine.now();
        let turn = server.poll(&mut card, now, &mut screen);
        if turn.stopped {
            power::off();
        }
        if now.micros.saturating_sub(checked) >= CHECK_MICROS {
            checked = now.micros;
            card.check();
            if machine.power_button() {
                server.stop();
            }
        }
        if let Some(fault) = card.fault() {
            fail(Exit::Network, &[&fault]);
        }
        let late = turn
            .deadline_micros
            .is_some_and(|deadline| deadline <= now.micros);
        // Armed, an interrupt comes for whatever happens from now on; what
        // happened before is looked at once more.
        if !turn.frames_left && !late && !card.arm_interrupt() {
            machine.wait(turn.deadline_micros);
            card.suppress_interrupt();
            // Before the queues are looked at, so that nothing falls between.
            card.acknowledge();
            if machine.power_button_told() {
                server.stop();
            }
        }
    }
}

/// Whose fault it is that there is no server.
fn exit_for(error: &applgen_net::SetupError) -> Exit {
    use applgen_net::SetupError;
    match error {
        SetupError::NothingToServe
        | SetupError::NoRules
        | SetupError::NoDnssec
        | SetupError::Section(_) => Exit::Bundle,
        #[cfg(feature = "dns")]
        SetupError::Zones(_) => Exit::Bundle,
        SetupError::Mac | SetupError::Mtu(_) => Exit::Network,
        SetupError::Memory { .. } => Exit::Memory,
        _ => Exit::Words,
    }
}
