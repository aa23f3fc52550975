//! Connections that make room, addresses that have enough, and clients that hardly read.

use super::*;

const ASK: &[u8] = b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n";

fn room(connections_max: u32, of_address_max: u32) -> Room {
    Room {
        connections_max: NonZeroU32::new(connections_max).unwrap(),
        of_address_max: NonZeroU32::new(of_address_max),
    }
}

/// Waits for an answer on a connection that stays open.
async fn answered(stream: &mut TcpStream) {
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn the_connection_that_has_been_idle_for_longest_makes_room() {
    let server = start_in(room(3, 0), PATIENT, None).await;
    let mut uploading = half_an_upload(server.address).await;
    server.has_begun_an_upload().await;
    let oldest = an_idle_connection(server.address).await;
    let mut newer = an_idle_connection(server.address).await;
    // There is no place left.
    let mut newcomer = TcpStream::connect(server.address).await.unwrap();
    newcomer.write_all(ASK).await.unwrap();
    answered(&mut newcomer).await;
    assert!(
        !rest(oldest).await.contains("HTTP/1.1 4"),
        "it is closed, and that is all"
    );
    newer.write_all(ASK).await.unwrap();
    answered(&mut newer).await;
    // What runs is left alone.
    uploading.write_all(b"world").await.unwrap();
    drop((newcomer, newer));
    server.phases.stopping.cancel();
    let answer = rest(uploading).await;
    assert!(answer.ends_with("all 10"), "{answer}");
}

#[tokio::test]
async fn an_address_has_no_more_connections_than_it_may() {
    let server = start_in(room(100, 2), PATIENT, None).await;
    let first = an_idle_connection(server.address).await;
    let _second = an_idle_connection(server.address).await;
    let third = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(third).await, "");
    drop(first);
    // As soon as the server has seen that one is gone.
    loop {
        let mut again = TcpStream::connect(server.address).await.unwrap();
        // A connection that is closed may take the request or not.
        let _ = again.write_all(ASK).await;
        let mut byte = [0; 1];
        if again.read(&mut byte).await.is_ok_and(|bytes| bytes == 1) {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_that_hardly_reads_is_cut_and_one_that_waits_for_the_server_is_not() {
    let server = start(
        Timeouts {
            header: Duration::from_millis(200),
            response_stall: Duration::from_secs(1),
            response_rate_min: 1 << 30,
            ..PATIENT
        },
        None,
    )
    .await;
    // The handler of an upload waits for the client, and nothing is there for it to read yet.
    let mut uploading = half_an_upload(server.address).await;
    server.has_begun_an_upload().await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 64];
    // The system would not end it: it takes something all the time.
    slow.read_exact(&mut some).await.unwrap();
    while ENDLESS.load(Ordering::SeqCst) > 0 {
        slow.read_exact(&mut some).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    uploading.write_all(b"world").await.unwrap();
    server.phases.stopping.cancel();
    let answer = rest(uploading).await;
    assert!(answer.ends_with("all 10"), "{answer}");
}
