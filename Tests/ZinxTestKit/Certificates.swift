/// The files of `Tests/Certificates`, valid from 2020 to 2120 where their names do not say otherwise.
package enum Certificates {
  /// The path of one of them.
  package static func path(_ name: String) -> String { folder + name }

  private static let folder = String(#filePath.dropLast("ZinxTestKit/Certificates.swift".count)) + "Certificates/"
}
