/// A word or a sign of a filter.
enum FilterToken: Sendable, Hashable {
  case word(String)
  /// A text in quotes: never a field, a number or `none`.
  case quoted(String)
  case comparison(Filter.Comparison)
  case and, or, not, open, close

  /// The tokens of a text with their places, in characters from 1.
  static func read(_ text: String) throws(ControlError) -> [(token: FilterToken, place: Int)] {
    var tokens: [(token: FilterToken, place: Int)] = []
    let characters = Array(text)
    var index = 0
    while index < characters.count {
      let place = index + 1
      let character = characters[index]
      if character == " " || character == "\t" {
        index += 1
      } else if let (sign, length) = sign(at: index, in: characters) {
        tokens.append((sign, place))
        index += length
      } else if character == "\"" || character == "'" {
        guard let end = characters[(index + 1)...].firstIndex(of: character) else {
          throw ControlError(.badFilter, "the text at character \(place) has no closing quote")
        }
        tokens.append((.quoted(String(characters[(index + 1)..<end])), place))
        index = end + 1
      } else {
        let end = characters[index...].firstIndex { !isPart($0) } ?? characters.endIndex
        guard end > index else { throw ControlError(.badFilter, "character \(place) means nothing here; texts can be quoted") }
        tokens.append((.word(String(characters[index..<end])), place))
        index = end
      }
    }
    return tokens
  }

  private static func sign(at index: Int, in characters: [Character]) -> (FilterToken, Int)? {
    let two = String(characters[index...].prefix(2))
    if two == "&&" { return (.and, 2) }
    if two == "||" { return (.or, 2) }
    if let comparison = Filter.Comparison(rawValue: two) { return (.comparison(comparison), 2) }
    if let comparison = Filter.Comparison(rawValue: String(characters[index])) { return (.comparison(comparison), 1) }
    return switch characters[index] {
    case "(": (.open, 1)
    case ")": (.close, 1)
    case "!": (.not, 1)
    default: nil
    }
  }

  private static func isPart(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "_.-:/@%[]".contains(character)
  }
}
