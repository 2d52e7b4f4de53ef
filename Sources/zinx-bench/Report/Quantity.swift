/// Numbers as people read them.
enum Quantity {
  /// `812 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`: three digits that matter.
  static func time(_ nanoseconds: Double) -> String {
    switch nanoseconds {
    case ..<1e3: "\(decimal(nanoseconds, 0)) ns"
    case ..<1e6: "\(threeDigits(nanoseconds / 1e3)) µs"
    case ..<1e9: "\(threeDigits(nanoseconds / 1e6)) ms"
    default: "\(threeDigits(nanoseconds / 1e9)) s"
    }
  }

  /// Memory, in powers of 1024.
  static func memory(_ bytes: Double) -> String {
    switch abs(bytes) {
    case ..<1024: "\(decimal(bytes, 0)) B"
    case ..<1_048_576: "\(threeDigits(bytes / 1024)) KiB"
    default: "\(threeDigits(bytes / 1_048_576)) MiB"
    }
  }

  /// `1 234 567`: groups of three, as ISO 80000 has it.
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    let groups = digits.indices.map { index in
      (index > 0 && (digits.count - index).isMultiple(of: 3) ? " " : "") + String(digits[index])
    }
    return (number < 0 ? "-" : "") + groups.joined()
  }

  /// Without decimals where there is nothing to show: `1000`, `0.5`.
  static func plain(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
  }

  /// With so many decimals, rounded.
  static func decimal(_ number: Double, _ places: Int) -> String {
    guard number.isFinite, abs(number) < 1e12 else { return "\(number)" }
    let scale = (0..<places).reduce(1) { product, _ in product * 10 }
    let scaled = Int((abs(number) * Double(scale)).rounded())
    let sign = number < 0 && scaled > 0 ? "-" : ""
    let (whole, rest) = scaled.quotientAndRemainder(dividingBy: scale)
    guard places > 0 else { return "\(sign)\(whole)" }
    let fraction = String(rest)
    return "\(sign)\(whole).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
  }

  private static func threeDigits(_ number: Double) -> String {
    decimal(number, abs(number) < 9.995 ? 2 : abs(number) < 99.95 ? 1 : 0)
  }
}
