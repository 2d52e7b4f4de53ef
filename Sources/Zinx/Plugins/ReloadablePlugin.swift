/// A plugin whose settings a reload changes while it runs. Those of any other take a restart.
///
/// ```swift
/// import Synchronization
///
/// final class Motto: ReloadablePlugin {
///   static let name = "motto"
///   static let summary = "Answers with the motto of the day."
///   private let text: Mutex<String>
///
///   init(settings: inout PluginSettings) {
///     text = Mutex(settings.value("Text", .string(bytes: 1...200), default: "carpe diem", shown: true, "the motto"))
///   }
///
///   func register(in routes: inout RouteRegistrar) {
///     routes.route(60) { request in try request.reply(self.text.withLock { $0 }) }
///   }
///
///   func reload(as new: Motto) async throws -> @Sendable () -> Void {
///     let text = new.text.withLock { $0 }
///     return { self.text.withLock { $0 = text } }
///   }
/// }
/// ```
///
/// What a plugin has registered stays as it was at the start: where other settings would have it register other messages, the reload
/// leaves its settings alone and says that they take a restart.
public protocol ReloadablePlugin: RoutePlugin {
  /// Prepares to go on with the settings of another one of its kind, which was made from the file as it is now and is never started.
  ///
  /// Called at each reload, also where the settings say the same: a file that they name may hold something else. Throwing refuses the
  /// reload as a whole, for every plugin and option; the operator is told what was thrown, so it holds no secret. Until the returned closure
  /// is called nothing may change: others may refuse. Called on a task; requests are handled meanwhile.
  ///
  /// Returns what puts the new settings into force: a plain call, which is made soon after, or never.
  func reload(as new: Self) async throws -> @Sendable () -> Void
}

extension ReloadablePlugin {
  /// The same, without the type.
  func reload(asAny new: any RoutePlugin) async throws -> (@Sendable () -> Void)? {
    guard let new = new as? Self else { return nil }
    return try await reload(as: new)
  }
}
