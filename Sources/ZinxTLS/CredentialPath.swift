/// How a configuration names one of the files that systemd passes to a service (`LoadCredential=`).
package enum CredentialPath {
  private static let prefix = "$CREDENTIALS_DIRECTORY/"

  /// What stands behind the directory; nil for the path of any other file.
  package static func name(_ path: String) -> Substring? {
    path.hasPrefix(prefix) ? path.dropFirst(prefix.count) : nil
  }
}
