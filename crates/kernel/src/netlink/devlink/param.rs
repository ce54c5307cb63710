//! A device's parameters: what its firmware and driver are set to, now and after the next start.

use std::collections::BTreeMap;

use rustix::io::Errno;
use virtfn_host::{FirmwareVfs, Param, ParamTime, ParamValue};

use super::{Devlink, Handle, about, body, bytes};
use crate::netlink::NetlinkError;

const DEVLINK_CMD_PARAM_GET: u8 = 38;
const DEVLINK_CMD_PARAM_SET: u8 = 39;
const DEVLINK_ATTR_PARAM: u16 = 80;
const DEVLINK_ATTR_PARAM_NAME: u16 = 81;
const DEVLINK_ATTR_PARAM_TYPE: u16 = 83;
const DEVLINK_ATTR_PARAM_VALUES_LIST: u16 = 84;
const DEVLINK_ATTR_PARAM_VALUE: u16 = 85;
const DEVLINK_ATTR_PARAM_VALUE_DATA: u16 = 86;
const DEVLINK_ATTR_PARAM_VALUE_CMODE: u16 = 87;
/// `DEVLINK_PARAM_CMODE_*`.
const RUNTIME: u8 = 0;
const DRIVER_INIT: u8 = 1;
const PERMANENT: u8 = 2;
// A value's type is one of netlink's own (`enum netlink_attribute_type` of the kernel's net/netlink.h).
const NLA_U8: u8 = 1;
const NLA_U16: u8 = 2;
const NLA_U32: u8 = 3;
const NLA_STRING: u8 = 5;
const NLA_FLAG: u8 = 6;

impl Devlink {
    /// All parameters of a device, by name.
    ///
    /// # Errors
    /// As for every exchange.
    pub fn params(&mut self, device: &Handle) -> Result<BTreeMap<String, Param>, NetlinkError> {
        let all = self.list(DEVLINK_CMD_PARAM_GET, device, parse)?;
        Ok(all.into_iter().map(|(name, param, _)| (name, param)).collect())
    }

    /// How many VFs the device's firmware offers; `None` where its driver does not say.
    ///
    /// # Errors
    /// As for every exchange.
    pub fn firmware_vfs(&mut self, device: &Handle) -> Result<Option<FirmwareVfs>, NetlinkError> {
        let total = match self.permanent(device, FirmwareVfs::TOTAL)? {
            Some(ParamValue::Number(total)) => total,
            _ => return Ok(None),
        };
        let enabled = match self.permanent(device, FirmwareVfs::ENABLED)? {
            Some(ParamValue::Bool(enabled)) => Some(enabled),
            _ => None,
        };
        Ok(Some(FirmwareVfs { total, enabled }))
    }

    /// What the device keeps of one parameter; `None` where there is no such parameter.
    fn permanent(
        &mut self,
        device: &Handle,
        name: &str,
    ) -> Result<Option<ParamValue>, NetlinkError> {
        let named = about(device).text(DEVLINK_ATTR_PARAM_NAME, name);
        match self.ask(DEVLINK_CMD_PARAM_GET, &named) {
            Ok(answers) => Ok(answers
                .iter()
                .find_map(|message| parse(message))
                .and_then(|(_, param, _)| param.permanent)),
            Err(error) if matches!(error.errno(), Some(Errno::INVAL | Errno::OPNOTSUPP)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Changes one of a parameter's values.
    ///
    /// # Errors
    /// When there is no such parameter (`EINVAL`, `EOPNOTSUPP`), or as for every exchange.
    pub(crate) fn set_param(
        &mut self,
        device: &Handle,
        name: &str,
        time: ParamTime,
        value: &ParamValue,
    ) -> Result<(), NetlinkError> {
        let named = about(device).text(DEVLINK_ATTR_PARAM_NAME, name);
        let answers = self.ask(DEVLINK_CMD_PARAM_GET, &named)?;
        // A number has one of three widths, and only the kernel knows which.
        let kind = answers.iter().find_map(|message| parse(message)).map(|(_, _, kind)| kind);
        let kind = kind.ok_or_else(|| NetlinkError::Malformed(format!("parameter {name}")))?;
        let request = named
            .bytes(DEVLINK_ATTR_PARAM_VALUE_CMODE, &[number(time)])
            .bytes(DEVLINK_ATTR_PARAM_TYPE, &[kind]);
        let request = match (kind, value) {
            // A flag is there or not.
            (NLA_FLAG, ParamValue::Bool(false)) => request,
            _ => {
                let data = encode(kind, value)
                    .ok_or_else(|| NetlinkError::Malformed(format!("a value for {name}")))?;
                request.bytes(DEVLINK_ATTR_PARAM_VALUE_DATA, &data)
            }
        };
        self.ask(DEVLINK_CMD_PARAM_SET, &request).map(|_| ())
    }
}

const fn number(time: ParamTime) -> u8 {
    match time {
        ParamTime::Runtime => RUNTIME,
        ParamTime::DriverInit => DRIVER_INIT,
        ParamTime::Permanent => PERMANENT,
    }
}

fn encode(kind: u8, value: &ParamValue) -> Option<Vec<u8>> {
    match (kind, value) {
        (NLA_FLAG, ParamValue::Bool(true)) => Some(Vec::new()),
        (NLA_U8, ParamValue::Number(number)) => Some(vec![u8::try_from(*number).ok()?]),
        (NLA_U16, ParamValue::Number(number)) => {
            Some(u16::try_from(*number).ok()?.to_ne_bytes().to_vec())
        }
        (NLA_U32, ParamValue::Number(number)) => Some(number.to_ne_bytes().to_vec()),
        (NLA_STRING, ParamValue::Text(text)) => Some([text.as_bytes(), &[0]].concat()),
        _ => None,
    }
}

/// A parameter's name, its values, and their type.
pub(super) fn parse(message: &[u8]) -> Option<(String, Param, u8)> {
    let (_, param) = body(message).find(|(kind, _)| *kind == DEVLINK_ATTR_PARAM)?;
    let find = |wanted| bytes::attributes(param).find(|(kind, _)| *kind == wanted);
    let name = bytes::text_of(find(DEVLINK_ATTR_PARAM_NAME)?.1)?;
    let kind = bytes::u8_of(find(DEVLINK_ATTR_PARAM_TYPE)?.1)?;
    let mut values = Param::default();
    let list = find(DEVLINK_ATTR_PARAM_VALUES_LIST).map_or(&[][..], |(_, list)| list);
    for (_, value) in bytes::attributes(list).filter(|(kind, _)| *kind == DEVLINK_ATTR_PARAM_VALUE)
    {
        let part = |wanted| bytes::attributes(value).find(|(kind, _)| *kind == wanted);
        let mode = part(DEVLINK_ATTR_PARAM_VALUE_CMODE).and_then(|(_, mode)| bytes::u8_of(mode));
        let data = part(DEVLINK_ATTR_PARAM_VALUE_DATA).map(|(_, data)| data);
        let decoded = decode(kind, data);
        match mode {
            Some(RUNTIME) => values.runtime = decoded,
            Some(DRIVER_INIT) => values.driver_init = decoded,
            Some(PERMANENT) => values.permanent = decoded,
            _ => {}
        }
    }
    Some((name, values, kind))
}

fn decode(kind: u8, data: Option<&[u8]>) -> Option<ParamValue> {
    match (kind, data) {
        (NLA_FLAG, data) => Some(ParamValue::Bool(data.is_some())),
        (NLA_U8, Some(data)) => bytes::u8_of(data).map(u32::from).map(ParamValue::Number),
        (NLA_U16, Some(data)) => bytes::u16_of(data).map(u32::from).map(ParamValue::Number),
        (NLA_U32, Some(data)) => bytes::u32_of(data).map(ParamValue::Number),
        (NLA_STRING, Some(data)) => bytes::text_of(data).map(ParamValue::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One parameter as `devlink_nl_param_fill` (net/devlink/param.c) lays it out.
    fn message(name: &str, kind: u8, values: &[(u8, Option<&[u8]>)]) -> Vec<u8> {
        let value = |(mode, data): &(u8, Option<&[u8]>)| {
            let value = bytes::Builder::default();
            let value = match data {
                Some(data) => value.bytes(DEVLINK_ATTR_PARAM_VALUE_DATA, data),
                None => value,
            };
            value.bytes(DEVLINK_ATTR_PARAM_VALUE_CMODE, &[*mode]).message(0, 0)[4..].to_vec()
        };
        let list = values.iter().fold(bytes::Builder::default(), |list, one| {
            list.bytes(0x8000 | DEVLINK_ATTR_PARAM_VALUE, &value(one))
        });
        let param = bytes::Builder::default()
            .text(DEVLINK_ATTR_PARAM_NAME, name)
            .bytes(DEVLINK_ATTR_PARAM_TYPE, &[kind])
            .bytes(0x8000 | DEVLINK_ATTR_PARAM_VALUES_LIST, &list.message(0, 0)[4..]);
        let device = about(&Handle { bus: "pci".into(), device: "0000:0b:00.0".into() });
        let all = device.bytes(0x8000 | DEVLINK_ATTR_PARAM, &param.message(0, 0)[4..]);
        [&[0; 16][..], &all.message(DEVLINK_CMD_PARAM_GET, 1)].concat()
    }

    #[test]
    fn what_the_device_keeps_is_told_from_what_is_in_force() {
        let values = [(RUNTIME, Some(&[8, 0, 0, 0][..])), (PERMANENT, Some(&[64, 0, 0, 0][..]))];
        let (name, param, kind) = parse(&message("total_vfs", NLA_U32, &values)).unwrap();
        assert_eq!((name.as_str(), kind), ("total_vfs", NLA_U32));
        assert_eq!(param.runtime, Some(ParamValue::Number(8)));
        assert_eq!(param.permanent, Some(ParamValue::Number(64)));
        assert_eq!(param.driver_init, None);
    }

    #[test]
    fn a_switch_is_there_or_not() {
        for (data, on) in [(Some(&[][..]), true), (None, false)] {
            let told = parse(&message("enable_sriov", NLA_FLAG, &[(PERMANENT, data)])).unwrap();
            assert_eq!(told.1.permanent, Some(ParamValue::Bool(on)));
        }
        assert_eq!(encode(NLA_FLAG, &ParamValue::Bool(true)), Some(Vec::new()));
        assert_eq!(encode(NLA_U8, &ParamValue::Number(256)), None, "no number is cut down");
    }
}
