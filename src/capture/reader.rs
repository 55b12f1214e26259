//! Framing of pcap and pcapng: bytes -> [`Piece`](super::piece::Piece)s.
