fn main() { println!("{}", cedar_policy::get_lang_version()); }
