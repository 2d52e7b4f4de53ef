extension Server {
  /// The plugins, of some that were made anew, which the server's own of their name can go on as: those that reload, and would register
  /// the same messages.
  ///
  /// - Parameter routes: what the new ones have registered.
  package func successors(among plugins: [any RoutePlugin], _ routes: RouteRegistrar) -> [any RoutePlugin] {
    plugins.filter { new in
      let name = type(of: new).name
      return running(name) is any ReloadablePlugin && context.ids(of: name) == routes.ids(of: name)
    }
  }

  /// The names of the codecs that its plugins have brought.
  package var codecs: [String] { context.codecs }

  /// Asks the plugins that reload whether they can go on with the settings of others. Returns what makes them do so.
  ///
  /// Throws: ``ZinxError/settingsRefused(plugin:reason:)``.
  func successions(_ plugins: [any RoutePlugin]) async throws -> [@Sendable () -> Void] {
    var successions: [@Sendable () -> Void] = []
    for new in plugins {
      let name = type(of: new).name
      guard let plugin = running(name) as? any ReloadablePlugin else { continue }
      do {
        if let succession = try await plugin.reload(asAny: new) { successions.append(succession) }
      } catch is CancellationError { throw CancellationError() } catch {
        throw ZinxError.settingsRefused(plugin: name, reason: "\(error)")
      }
    }
    return successions
  }

  private func running(_ name: String) -> (any RoutePlugin)? { plugins.first { type(of: $0).name == name } }
}
