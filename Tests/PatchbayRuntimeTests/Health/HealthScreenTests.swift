import Foundation
import Testing

@testable import PatchbayRuntime

/// A health report for people.
@Suite struct HealthScreenTests {
    /// On call, two or three kilobytes of JSON on one line were the answer to "what is wrong?".
    @Test func theScreenSaysWhatIsWrongAndWhatToDo() throws {
        let report = """
            {"status":"degraded","reasons":["the configuration file was changed and refused"],"clients":2,"max_clients":10000,
             "uptime_seconds":11530.2,"configuration":{"generation":3,"error":"unknown key","restart_needed":["server.port"]},
             "channels":[{"channel":"trades","subscribers":2,"messages":12,"dropped":1200}],
             "routes":[{"route":"trades","records_rejected":{"missing_field":1,"invalid_json":12345}},{"route":"x","records_rejected":{},
                "plugins":[{"transformer":"mask","plugin":"plugins/mask.so","runs_in":"process","batches":4,"batch_seconds":0.001,
                  "failures":2,"restarts":1,"instances":1,"memory_bytes":2097152,"last_failure":"crashed (signal 11)",
                  "last_failure_at":"2026-01-31T12:00:00.000Z","failed_batches":4},
                  {"transformer":"size","plugin":"size.so","runs_in":"router","batches":0,"batch_seconds":0,"failures":0,"restarts":0},
                  {"transformer":"cut","plugin":"cut.so","runs_in":"process","batches":0,"batch_seconds":0,"failures":0,"restarts":0}]}],
             "topics":[{"topic":"trade-info","state":"consuming","lag":5,"partitions":[{}],"records_consumed":1,"records_unreadable":0},
                       {"topic":"t","state":"halted","partitions":[{},{}],"records_consumed":22,"records_unreadable":3}],
             "slow":{"stalled":2,"losing":1,"furthest_behind":1,"subscriptions":[
                {"connection":"c\\u001b[2J1","channel":"trades","behind":1,"stalled_seconds":2.25}]}}
            """
        let object = try #require(try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any])
        #expect(
            HealthScreen(object, address: "h:1").text == """
                DEGRADED  patchbay at h:1, up 3 h 12 min, configuration 3

                Reasons
                  - the configuration file was changed and refused

                Clients
                  2 of 10,000 connected

                Topics
                  trade-info  consuming  lag 5        1 partition   1 record read
                  t           halted     lag unknown  2 partitions  22 records read  3 unreadable

                Slow clients
                  1 subscription loses messages; the slowest is 1 message behind
                  c\u{FFFD}[2J1  on trades  1 message behind  not reading for 2.2 s

                Rejected records
                  trades  invalid_json 12,345, missing_field 1

                Plugins
                  x  mask of plugins/mask.so  0.250 ms a batch  2,048 KiB      2 failures, 1 restart; the last: crashed (signal 11), 2026-01-31T12:00:00.000Z
                  x  size of size.so          no batches        in the router  no failures
                  x  cut of cut.so            no batches        in processes   no failures

                Messages dropped
                  trades  1,200 dropped for slow subscribers since the start

                What to do next
                  - `patchbay check FILE` shows every mistake in the file; saving a correct one is enough
                  - restart the process when convenient: some changed settings take effect only then
                  - fix the route that stopped, or the rule that refused the record, and save the file: the record is tried again
                  - the plugin that fails: put its older file back, or take its step out of the route, and reload; then `patchbay plugin test FILE`
                  - check again in a minute: if the lag falls, it is catching up; if it grows, look at the CPU and the brokers
                  - slow clients: give their channel a larger `buffer`, send smaller messages (`pick`), or talk to their owner
                  - the log's `record rejected` lines name such records; `patchbay explain --topic TOPIC RECORD` says why

                """)
        let fine = HealthScreen(["status": "ok", "clients": 0, "slow": ["losing": 0]], address: "h:1").text
        #expect(fine.hasPrefix("OK  patchbay at h:1\n") && fine.contains("- nothing to do\n"), "\(fine)")
    }

    @Test func durationsHaveTwoUnits() {
        #expect([0.04, 9.9, 75, 4000, 90_000].map(HealthScreen.duration) == ["0.0 s", "9.9 s", "1 min 15 s", "1 h 6 min", "1 d 1 h"])
    }
}
