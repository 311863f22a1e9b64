// expected: data {"at":"11/24/2026, 6:52:09 AM","day":"11/24/2026","time":"6:52:09 AM","noon":"12:00 PM","midnight":"00:00:00","none":"Invalid Date"}
function decodeUplink(input) {
  var at = input.recvTime;
  return {
    data: {
      at: at.toLocaleString(),
      day: at.toLocaleDateString("en-US"),
      time: at.toLocaleTimeString(),
      noon: new Date(2026, 0, 1, 12).toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" }),
      midnight: new Date(2026, 0, 1).toLocaleTimeString(["en-US"], { hour12: false }),
      none: new Date(NaN).toLocaleString(),
    },
  };
}
