//! The server on real sockets: what a client sees.

mod common;

use applgen_unix::Limits;
use common::{GET, GET_LARGE, LARGE, answer, ask, connect, is_closed, serve};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn requests_are_answered_on_every_thread() {
    serve(limits(), 3, |address, _| {
        for _ in 0..50 {
            let mut client = connect(address);
            for _ in 0..3 {
                let (head, body) = ask(&mut client, GET);
                assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{head}");
                assert_eq!(body, b"hello\n");
            }
        }
    });
}

#[test]
fn requests_may_come_byte_by_byte() {
    serve(limits(), 1, |address, _| {
        let mut client = connect(address);
        client.set_nodelay(true).unwrap();
        for byte in GET {
            client.write_all(&[*byte]).unwrap();
        }
        assert_eq!(answer(&mut client).1, b"hello\n");
    });
}

#[test]
fn a_thousand_requests_at_once_are_answered_in_order() {
    serve(limits(), 1, |address, _| {
        let mut client = connect(address);
        let mut writer = client.try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..10 {
                    writer.write_all(&GET.repeat(100)).unwrap();
                }
                writer
                    .write_all(b"HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
                    .unwrap();
            });
            for _ in 0..1000 {
                assert_eq!(answer(&mut client).1, b"hello\n");
            }
            let mut head = [0; 12];
            client.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 404");
        });
    });
}

#[test]
fn large_bodies_arrive_whole_and_others_are_not_kept_waiting() {
    serve(limits(), 1, |address, _| {
        let mut slow = connect(address);
        slow.write_all(&[GET_LARGE, GET_LARGE, GET].concat())
            .unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        assert_eq!(ask(&mut connect(address), GET).1, b"hello\n");
        assert!(start.elapsed() < Duration::from_secs(2));
        for _ in 0..2 {
            let (_, body) = answer(&mut slow);
            assert_eq!(body.len(), LARGE);
            assert!(
                body.iter()
                    .enumerate()
                    .all(|(at, &byte)| byte == (at % 251) as u8)
            );
        }
        assert_eq!(answer(&mut slow).1, b"hello\n");
    });
}

#[test]
fn a_slow_reader_that_sends_on_is_kept_within_bounds() {
    serve(limits(), 1, |address, _| {
        let mut client = connect(address);
        client.set_nonblocking(true).unwrap();
        // Until neither side takes more: the server must not read without end.
        let mut sent = 0;
        let mut request = GET_LARGE.repeat(100).into_iter().cycle();
        let mut chunk: Vec<u8> = Vec::new();
        let mut stalled = 0;
        while stalled < 50 {
            if chunk.is_empty() {
                chunk = request.by_ref().take(GET_LARGE.len() * 100).collect();
            }
            match client.write(&chunk) {
                Ok(bytes) => {
                    sent += bytes;
                    chunk.drain(..bytes);
                    stalled = 0;
                }
                Err(_) => {
                    stalled += 1;
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            assert!(sent < 100_000_000, "the server reads without end");
        }
        assert_eq!(ask(&mut connect(address), GET).1, b"hello\n");
    });
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answers() {
    serve(limits(), 1, |address, _| {
        for request in [GET.to_vec(), [GET_LARGE, GET].concat()] {
            let mut client = connect(address);
            client.write_all(&request).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            assert!(all.ends_with(b"\r\n\r\nhello\n"));
        }
    });
}

#[test]
fn refusals_arrive_although_the_client_goes_on_sending() {
    serve(limits(), 1, |address, _| {
        let mut client = connect(address);
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
            .unwrap();
        for _ in 0..30 {
            client.write_all(&[b'x'; 100_000]).unwrap();
        }
        let (head, _) = answer(&mut client);
        assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"));
        assert!(is_closed(&mut client));
    });
}

#[test]
fn connections_close_when_asked_to() {
    serve(limits(), 1, |address, _| {
        let mut client = connect(address);
        ask(
            &mut client,
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        );
        assert!(is_closed(&mut client));
        let mut client = connect(address);
        ask(&mut client, b"GET / HTTP/1.0\r\n\r\n");
        assert!(is_closed(&mut client));
    });
}

#[test]
fn time_outs_end_what_waits() {
    let limits = Limits {
        idle: Duration::from_millis(300),
        request: Duration::from_millis(300),
        send: Duration::from_millis(300),
        linger: Duration::from_millis(300),
        ..limits()
    };
    serve(limits, 1, |address, _| {
        let start = Instant::now();
        let mut silent = connect(address);
        let mut idle = connect(address);
        ask(&mut idle, GET);
        let mut slow = connect(address);
        slow.write_all(b"GET / HT").unwrap();
        // Each byte starts nothing anew.
        let mut drip = slow.try_clone().unwrap();
        let mut stuck = connect(address);
        stuck.write_all(&GET_LARGE.repeat(3)).unwrap();
        std::thread::sleep(Duration::from_millis(150));
        drip.write_all(b"T").unwrap();
        assert!(is_closed(&mut silent));
        assert!(is_closed(&mut idle));
        let (head, _) = answer(&mut slow);
        assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
        assert!(
            start.elapsed() < Duration::from_millis(1500),
            "{:?}",
            start.elapsed()
        );
        assert!(is_closed(&mut slow));
        // Nothing was taken from it, so that its connection was given up on.
        std::thread::sleep(Duration::from_millis(600));
        let mut all = Vec::new();
        let _ = stuck.read_to_end(&mut all);
        assert!(all.len() < 3 * LARGE);
    });
}

#[test]
fn the_oldest_idle_connection_makes_way() {
    let limits = Limits {
        connections: 3,
        ..limits()
    };
    serve(limits, 1, |address, _| {
        let mut clients: Vec<_> = (0..3)
            .map(|_| {
                let mut client = connect(address);
                ask(&mut client, GET);
                client
            })
            .collect();
        // The first is used again, so that the second is the oldest.
        ask(&mut clients[0], GET);
        let mut late = connect(address);
        assert_eq!(ask(&mut late, GET).1, b"hello\n");
        assert!(is_closed(&mut clients[1]));
        assert_eq!(ask(&mut clients[0], GET).1, b"hello\n");
        assert_eq!(ask(&mut clients[2], GET).1, b"hello\n");
    });
}

#[test]
fn with_room_for_nobody_a_client_is_told() {
    let limits = Limits {
        connections: 1,
        ..limits()
    };
    serve(limits, 1, |address, _| {
        let mut busy = connect(address);
        busy.write_all(GET_LARGE).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let mut late = connect(address);
        let mut all = Vec::new();
        let _ = late.read_to_end(&mut all);
        assert!(all.starts_with(b"HTTP/1.1 503 "), "{}", all.escape_ascii());
        assert_eq!(answer(&mut busy).1.len(), LARGE);
    });
}

#[test]
fn stopping_finishes_what_is_in_flight() {
    let start = Instant::now();
    let limits = Limits {
        grace: Duration::from_secs(1),
        ..limits()
    };
    let (mut large, mut idle, mut half) = serve(limits, 2, |address, stop| {
        let mut large = connect(address);
        large.write_all(GET_LARGE).unwrap();
        let mut idle = connect(address);
        ask(&mut idle, GET);
        let mut half = connect(address);
        half.write_all(&GET[..10]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        ask(&mut connect(address), GET);
        stop.stop();
        std::thread::sleep(Duration::from_millis(100));
        // Who asked a moment ago may ask once more, and so may who just comes.
        for client in [&mut idle, &mut connect(address)] {
            client.write_all(GET).unwrap();
            let (head, _) = answer(client);
            assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
            assert!(is_closed(client));
        }
        std::thread::sleep(limits.grace);
        assert!(
            std::net::TcpStream::connect(address).is_err(),
            "still accepts"
        );
        half.write_all(&GET[10..]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(answer(&mut large).1.len(), LARGE));
            let (head, _) = answer(&mut half);
            assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        });
        (large, idle, half)
    });
    for client in [&mut large, &mut idle, &mut half] {
        assert!(is_closed(client));
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn stopping_does_not_wait_forever() {
    let limits = Limits {
        stop: Duration::from_millis(300),
        ..limits()
    };
    let start = Instant::now();
    let _clients = serve(limits, 1, |address, _| {
        let mut stuck = connect(address);
        stuck.write_all(GET_LARGE).unwrap();
        let mut half = connect(address);
        half.write_all(&GET[..10]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        (stuck, half)
    });
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}
