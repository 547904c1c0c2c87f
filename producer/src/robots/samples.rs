//! Files as sites have them, and as they should not: made from a number, always the same.

use super::MAX_FILE;

/// The file of this number.
pub(super) fn file(number: u64) -> Vec<u8> {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut file = match number % 10 {
        0 => wordpress(&mut dice),
        1 => drupal(&mut dice),
        2 => shop(&mut dice),
        3 => news(&mut dice),
        4 => broken(&mut dice),
        5 => error_page(&mut dice),
        6 => binary(&mut dice),
        7 => mixed_up(&mut dice),
        8 => no_slashes(&mut dice),
        _ if number % 100 == 9 => huge(&mut dice),
        _ => [wordpress(&mut dice), news(&mut dice)].concat(),
    };
    match dice.below(8) {
        0 => file = String::from_utf8_lossy(&file).replace('\n', "\r\n").into(),
        1 => file = String::from_utf8_lossy(&file).replace('\n', "\r").into(),
        2 => file = [b"\xef\xbb\xbf", &*file].concat(),
        3 => file.truncate(dice.below(file.len() + 1)),
        _ => {}
    }
    file
}

/// The lines as a person counts them.
pub(super) fn lines(file: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut begin, mut place) = (Vec::new(), 0, 0);
    while place < file.len() {
        if matches!(file[place], b'\r' | b'\n') {
            lines.push(&file[begin..place]);
            place += usize::from(file[place..].starts_with(b"\r\n"));
            begin = place + 1;
        }
        place += 1;
    }
    lines.push(&file[begin..]);
    lines
}

/// A xorshift generator: repeatable, and no more than that.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 16).unwrap_or_default() % end.max(1)
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const AGENTS: [&str; 9] =
    ["*", "Warren", "warren/0.1", "Googlebot", "GPTBot", "CCBot", "Bingbot", "Warren-Images", "AhrefsBot"];

const PATHS: [&str; 18] = [
    "/",
    "/*",
    "/wp-admin/",
    "/private/",
    "/search",
    "/*?*sort=",
    "/*.gif$",
    "/media/$",
    "/a/b/",
    "/%C3%A9/",
    "/é/",
    "/a%2Fb",
    "*.pdf$",
    "/cgi-bin/",
    "/?s=",
    "/*/feed/",
    "/checkout",
    "",
];

/// Lines that look like rules, and are some.
const BROKEN: [&str; 21] = [
    "Useragent: *",
    "User agent: Warren",
    "User-agent *",
    "Dissallow: /x",
    "Disallow /a/b/",
    "disallow",
    ":",
    "::",
    "#",
    "# :",
    "Disallow: https://site.example/private/",
    "Allow: /a b c",
    "Crawl-delay: 1,5",
    "Crawl-delay: -",
    "Noindex: /x",
    "Disallow: /%",
    "Disallow: /%zz",
    "Disallow: /***$$$",
    "User-agent:",
    "\u{2028}Disallow: /",
    "Disallow: \0/a",
];

fn some_rules(dice: &mut Dice, most: usize) -> String {
    let rules = (0..=dice.below(most)).map(|_| {
        let name = dice.of(&["Disallow", "Disallow", "Disallow", "Allow", "disallow", "ALLOW"]);
        let (before, path) = (dice.of(&[" ", "", "\t"]), dice.of(&PATHS));
        format!("{name}:{before}{path}{}\n", dice.of(&["", "", " ", " # why"]))
    });
    rules.collect()
}

fn wordpress(dice: &mut Dice) -> Vec<u8> {
    let sitemap = dice.of(&["", "\nSitemap: https://site.example/wp-sitemap.xml\n"]);
    let head = "# START BLOCK\nUser-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n";
    format!("{head}{}{sitemap}# END BLOCK\n", some_rules(dice, 5)).into()
}

fn drupal(dice: &mut Dice) -> Vec<u8> {
    let head = "#\n# robots.txt\n#\n\nUser-agent: *\n# CSS, JS, Images\nAllow: /core/*.css$\nAllow: /core/*.png\n";
    let delay = dice.below(30);
    format!("{head}# Directories\nDisallow: /core/\nCrawl-delay: {delay}\n{}", some_rules(dice, 20)).into()
}

fn shop(dice: &mut Dice) -> Vec<u8> {
    let groups = (0..dice.below(6)).map(|_| format!("User-agent: {}\n{}\n", dice.of(&AGENTS), some_rules(dice, 30)));
    let groups: String = groups.collect();
    format!("{groups}User-agent: *\nDisallow: /cart\nDisallow: /*?*variant=*&ls=*\nDisallow: /a/*+*\n").into()
}

fn news(dice: &mut Dice) -> Vec<u8> {
    let agents = (0..dice.below(30)).map(|_| format!("User-agent: {}\n", dice.of(&AGENTS)));
    let agents: String = agents.collect();
    let sitemaps = (0..dice.below(9)).map(|number| format!("Sitemap: https://site.example/{number}.xml.gz\n"));
    let sitemaps: String = sitemaps.collect();
    format!("{agents}Disallow: /\n\n{sitemaps}User-agent: *\n{}", some_rules(dice, 9)).into()
}

fn broken(dice: &mut Dice) -> Vec<u8> {
    let lines: Vec<&str> = (0..dice.below(40)).map(|_| dice.of(&BROKEN)).collect();
    lines.join(dice.of(&["\n", "\n\n", "\r", " \n"])).into()
}

fn error_page(dice: &mut Dice) -> Vec<u8> {
    let head = format!("<!DOCTYPE html>\n<html><head><title>{}: Not found</title>\n", 400 + dice.below(100));
    let style = "<style>a:hover { color: #f00 }</style></head>\n";
    format!("{head}{style}<body style=\"margin: 0\"><p>Disallow: / is what we would say.</p>\n</body></html>\n").into()
}

fn binary(dice: &mut Dice) -> Vec<u8> {
    (0..dice.below(4_000)).flat_map(|_| dice.roll().to_le_bytes()).collect()
}

fn mixed_up(dice: &mut Dice) -> Vec<u8> {
    let text = [news(dice), b"\xff\xfe\xe9Disallow: /\xe9/\n".to_vec(), shop(dice)].concat();
    if dice.below(3) == 0 { text.iter().flat_map(|byte| [*byte, 0]).collect() } else { text }
}

fn no_slashes(dice: &mut Dice) -> Vec<u8> {
    let values = (0..dice.below(12)).map(|_| {
        let value = dice.of(&["private", "*", "$", "*$", "index.html", "./a", "../b", "?x", "~joe"]);
        format!("{}: {value}\n", dice.of(&["Allow", "Disallow"]))
    });
    let values: String = values.collect();
    format!("User-agent: {}\n{values}", dice.of(&AGENTS)).into()
}

fn huge(dice: &mut Dice) -> Vec<u8> {
    let mut text = String::from("User-agent: *\n");
    while text.len() < MAX_FILE + MAX_FILE / 4 {
        text.push_str(&some_rules(dice, 50));
        if dice.below(20) == 0 {
            text.push_str(&"x".repeat(dice.below(20_000)));
        }
    }
    text.into()
}
