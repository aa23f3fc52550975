//! Every code that a refusal can carry, with its meaning: what the page of the API shows. Those that are seven digits
//! stand behind `SVCSTG.SWR.` on the wire; the first three are the HTTP status.

/// Code and meaning.
pub(crate) const CODES: [(&str, &str); 65] = [
    (
        "SVCSTG.S2I.4019000",
        "neither a token nor a signature is in the request",
    ),
    (
        "APIGW.0301",
        "the signature, token or session is wrong, has ended, or was locked after failures (401)",
    ),
    (
        "4000014",
        "a parameter is invalid; the message says which rule it breaks",
    ),
    ("4000055", "there is nothing to search for"),
    ("4000056", "the page size is out of bounds"),
    ("4000097", "the quota of organizations is used up"),
    ("4000098", "the quota of images is used up"),
    ("4000099", "the quota of tags is used up"),
    ("4000100", "a quota of bytes has no room"),
    ("4000150", "the file is no archive of images, or a broken one"),
    ("4000151", "as many uploads of the user are under way as may be"),
    ("4000306", "the retention does not exist"),
    ("4001008", "the organization's name is invalid"),
    ("4001009", "is_public is neither true nor false"),
    ("4001014", "a mandatory parameter is missing"),
    ("4001018", "the body is not of the expected form"),
    ("4001025", "a parameter of the query is invalid"),
    ("4001029", "the image's name is invalid"),
    ("4001035", "the filter is invalid"),
    ("4001036", "a mandatory parameter of the query is missing"),
    ("4001041", "there is no such account to share with"),
    ("4001065", "the permission is none of 7, 3 and 1"),
    ("4001090", "the image is not shared with that account"),
    ("4001091", "a share permits reading only"),
    ("4001096", "the list cannot be sorted by that column"),
    ("4001158", "the synchronisation does not exist"),
    ("4009021", "the tag is invalid"),
    ("4030170", "the caller does not have the permission"),
    ("4037017", "the caller may not manage the organization"),
    ("4037018", "the caller may not manage the image"),
    ("4037020", "the caller has no right to what belongs to the image"),
    (
        "4040010",
        "the image does not exist, or is not the caller's to know of",
    ),
    (
        "4040058",
        "the organization does not exist, or is not the caller's to know of",
    ),
    (
        "4040078",
        "the user or the permission on the organization does not exist",
    ),
    (
        "4040083",
        "there is nothing at that address, or what it names is not registered",
    ),
    (
        "4040091",
        "the user or the permission on the image does not exist",
    ),
    ("4040115", "the tag does not exist"),
    ("4040126", "the trigger does not exist"),
    ("4040133", "there is no such rule about immutable tags"),
    ("4040134", "the organization has no such retention rule"),
    ("4040135", "there is no rule about indexes for lazy starts"),
    ("4040136", "there is no rule about preheats"),
    (
        "4040140",
        "the bin has no such entry (any more), or it is not the caller's to know of",
    ),
    (
        "4040150",
        "the upload does not exist (any more), or is not the caller's",
    ),
    ("4041051", "the layer does not exist"),
    ("4041060", "the manifest does not exist"),
    (
        "4041061",
        "there is no such file in the image, or no image with files",
    ),
    ("4050000", "the address does not have that method"),
    ("4060053", "it cannot be deleted while it is in use"),
    ("4060074", "the organization still holds images"),
    (
        "4090006",
        "the image, tag, trigger or registration exists already",
    ),
    ("4090060", "the organization exists already"),
    ("4090076", "the user has a permission on the organization already"),
    ("4090089", "the permission, share or agency exists already"),
    ("4090133", "there is the same rule about immutable tags already"),
    (
        "4090134",
        "a rule makes the tag immutable; the message says which",
    ),
    (
        "4090140",
        "a tag or image of that name is there now, in the way of what would be restored",
    ),
    ("4131001", "the body is too large"),
    ("4131012", "the description is too long"),
    ("4290001", "too many streams of events are open"),
    (
        "4290002",
        "more requests came than a rate allows; the detail says whose, which rate, and until when",
    ),
    (
        "4160150",
        "the chunk does not begin where the upload stands; the detail says where that is",
    ),
    (
        "5000000",
        "something failed inside; the request id finds it in the log",
    ),
    (
        "5030000",
        "the registry is too busy, or its storage cannot be written or reached",
    ),
    ("5070070", "the registry's storage is full"),
];

/// A code of the table as it is sent.
pub(crate) fn on_the_wire(code: &str) -> String {
    if code.starts_with(|first: char| first.is_ascii_digit()) {
        format!("SVCSTG.SWR.{code}")
    } else {
        code.to_owned()
    }
}
