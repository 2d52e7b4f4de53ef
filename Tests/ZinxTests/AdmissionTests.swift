import Testing
import ZinxTestKit

@testable import Zinx

@Suite("Admission")
struct AdmissionTests {
  @Test("as many as the limit come in, and not one more")
  func limit() {
    var admission = Admission(limit: 3)
    for _ in 0..<3 { #expect(admission.enter() == true) }
    #expect(admission.enter() == false)
    #expect(admission.live == 3)
  }

  @Test("after one has left exactly one comes in")
  func leave() {
    var admission = Admission(limit: 1)
    _ = admission.enter()
    #expect(admission.leave() == true)
    #expect(admission.enter() == true)
    #expect(admission.enter() == false)
  }

  @Test("a lowered limit closes nobody and admits nobody until the count is below it")
  func lowered() {
    var admission = Admission(limit: 4)
    for _ in 0..<4 { _ = admission.enter() }
    admission.limit = 2
    #expect(admission.live == 4)
    #expect([admission.leave(), admission.leave(), admission.leave()] == [false, false, true])
    #expect(admission.enter() == true)
    #expect(admission.enter() == false)
  }

  @Test("a raised limit admits as many more")
  func raised() {
    var admission = Admission(limit: 1)
    _ = admission.enter()
    admission.limit = 3
    #expect(admission.enter() == true)
    #expect(admission.enter() == true)
    #expect(admission.enter() == false)
  }

  @Test("at random it admits exactly when fewer than the limit are live", arguments: 0..<20)
  func model(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var admission = Admission(limit: 5)
    var live = 0
    for _ in 0..<1000 {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: admission.limit = Int.random(in: 1...10, using: &generator)
      case 1..<6:
        let admits = live < admission.limit
        #expect(admission.enter() == admits)
        if admits { live += 1 }
      default:
        guard live > 0 else { continue }
        live -= 1
        #expect(admission.leave() == (live < admission.limit))
      }
      #expect(admission.live == live)
    }
  }
}
