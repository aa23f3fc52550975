//! What kind of place an IP address is: the special-purpose registries of IANA, and the ways to write an IPv4 address
//! inside an IPv6 one. Knows no setting and no name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anybody's, reachable from everywhere.
    Global,
    /// Of a network of somebody's own.
    Private,
    /// This machine.
    Loopback,
    /// The machines at the same wire.
    LinkLocal,
    /// Where a cloud tells a machine its secrets.
    Metadata,
    /// Several machines.
    Multicast,
    /// None, which systems take for this machine.
    Unspecified,
    /// Set aside for documents, tests, protocols or later.
    Reserved,
}

impl Kind {
    /// With its article, for a sentence.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Global => "a public address",
            Self::Private => "an address of a private network",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "an unspecified address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// Clouds' metadata services outside the link-local range: Alibaba's, Oracle's, and Amazon's of IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The address that a connection would end at: an IPv4 address written as an IPv6 one (mapped, translated by NAT64,
/// tunnelled by 6to4) is that IPv4 address.
pub(super) fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let (high, low) = match v6.segments() {
        // ::ffff:0:0/96, 64:ff9b::/96, and the form of SIIT, ::ffff:0:0:0/96.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        // The deprecated ::/96, but for :: and ::1.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => (high, low),
        _ => return address,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// What stands at an address that [`meant`] gave.
pub(super) fn kind(address: IpAddr) -> Kind {
    if METADATA.contains(&address) {
        return Kind::Metadata;
    }
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [0, ..] => Kind::Unspecified,
        [127, ..] => Kind::Loopback,
        [169, 254, ..] => Kind::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        [224..=239, ..] => Kind::Multicast,
        // Anycast of PCP and TURN is all that is public in 192.0.0.0/24.
        [192, 0, 0, 9 | 10] => Kind::Global,
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Kind::Reserved,
        _ => Kind::Global,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Kind::Private,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        // Protocols (Teredo among them, whose servers lead anywhere), benchmarks, ORCHID; documents.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Kind::Reserved,
        [0x2000..=0x3fff, ..] => Kind::Global,
        _ => Kind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind, meant};

    fn check(expected: Kind, addresses: &str) {
        for text in addresses.split_whitespace() {
            let address = text.parse().expect("an address");
            assert_eq!(kind(meant(address)), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_what_the_registries_of_iana_say() {
        check(
            Kind::Global,
            "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.0.9 192.0.1.0 192.31.196.1 \
             192.52.193.1 192.167.255.255 192.169.0.0 192.175.48.1 198.17.255.255 198.20.0.0 \
             223.255.255.255 2001:200::1 2606:4700::1111 2620:4f:8000::1 ::ffff:1.1.1.1 \
             64:ff9b::1.1.1.1 2002:101:101::1",
        );
        check(
            Kind::Private,
            "10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 172.16.0.0 172.31.255.255 192.168.0.0 \
             192.168.255.255 fc00::1 fdff:ffff::1 fec0::1 feff::1 ::ffff:10.0.0.1 ::ffff:a00:1 \
             ::10.0.0.1 ::ffff:0:10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::",
        );
        check(
            Kind::Loopback,
            "127.0.0.1 127.0.0.0 127.255.255.255 ::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 \
             2002:7f00:1::1",
        );
        check(
            Kind::LinkLocal,
            "169.254.0.0 169.254.255.255 fe80::1 febf::1 ::ffff:169.254.1.1",
        );
        check(
            Kind::Metadata,
            "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: \
             100.100.100.200 192.0.0.192 fd00:ec2::254",
        );
        check(
            Kind::Multicast,
            "224.0.0.0 239.255.255.255 ff02::1 ffff::1 ::ffff:224.0.0.1",
        );
        check(
            Kind::Unspecified,
            "0.0.0.0 0.255.255.255 :: ::ffff:0.0.0.0 64:ff9b:: 2002::1",
        );
        check(
            Kind::Reserved,
            "192.0.0.0 192.0.0.8 192.0.0.11 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.0 \
             198.19.255.255 198.51.100.1 203.0.113.1 240.0.0.0 255.255.255.254 255.255.255.255 \
             64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff::1 \
             2001:db8::1 3fff::1 3fff:fff::1 4000::1 5f00::1 8000::1 ::ffff:255.255.255.255",
        );
    }
}
